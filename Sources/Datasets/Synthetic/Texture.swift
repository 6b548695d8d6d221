// The colours and textures of objects, distractors and backgrounds. A class has a characteristic hue and pattern, but
// both are noisy and shared: several classes have the same pattern, hues overlap, and distractors use them too. So
// neither colour nor pattern nor shape alone determines the class.
import Images
import Randomness

typealias Light = (red: Float, green: Float, blue: Float)

/// A two-coloured pattern over the plane, in object coordinates (about -1...1).
struct Texture: Sendable {
  enum Pattern: Int, CaseIterable, Sendable { case plain, stripes, dots, checks, blotches, rings, bars }

  var pattern: Pattern
  var first: Light
  var second: Light
  /// Periods per unit.
  var frequency: Double
  /// The direction (cosine, sine) and the shift of the pattern.
  var direction: (Double, Double)
  var shift: (Double, Double)
  var salt: UInt32

  /// Draws a texture for an object of class `index`: 85% have its pattern, the rest any; 90% have a hue near its own.
  static func ofClass(_ index: Int, _ r: inout CounterRandom) -> Texture {
    let other = Pattern(rawValue: r.integer(below: Pattern.allCases.count))!
    let pattern = r.chance(0.85) ? Pattern(rawValue: index % Pattern.allCases.count)! : other
    // Steps of the golden ratio keep the hues of any number of classes apart.
    let centre = 0.05 + Double(index) * 0.6180339887498949
    let stray = r.uniform()
    let near = centre + 0.04 * r.gaussian()
    return Texture(pattern, hue: r.chance(0.9) ? near : stray, &r)
  }

  init(_ pattern: Pattern, hue: Double, _ r: inout CounterRandom) {
    self.pattern = pattern
    let saturation = r.uniform(0.45, 0.95)
    let value = r.uniform(0.5, 1.0)
    first = Self.light(hue: hue, saturation: saturation, value: value)
    let contrast = r.uniform(0.35, 0.65)
    second =
      r.chance(0.5)
      ? Self.light(hue: hue + r.uniform(-0.05, 0.05), saturation: saturation, value: value * contrast)
      : Self.light(hue: hue + r.uniform(-0.05, 0.05), saturation: saturation * contrast, value: 1 - 0.3 * (1 - value))
    frequency = r.uniform(2.2, 4.2)
    // Stripes rotate freely, but bars stay near the vertical and checks near the axes.
    let spread = pattern == .bars ? 0.04 : pattern == .checks ? 0.06 : 0.12
    direction = CounterRandom.circle((r.uniform(-spread, spread) + 1).truncatingRemainder(dividingBy: 1))
    shift = (r.uniform(), r.uniform())
    salt = UInt32(truncatingIfNeeded: r.next())
  }

  /// Returns the colour at (u, v), with channels 0...255.
  func color(_ u: Double, _ v: Double) -> Light { isSecond(u, v) ? second : first }

  private func isSecond(_ u: Double, _ v: Double) -> Bool {
    let x = (u * direction.0 + v * direction.1) * frequency + shift.0
    let y = (v * direction.0 - u * direction.1) * frequency + shift.1
    let (fx, fy) = (x - x.rounded(.down), y - y.rounded(.down))
    switch pattern {
    case .plain: return false
    case .stripes: return fy < 0.5
    case .bars: return fx < 0.35
    case .dots: return (fx - 0.5) * (fx - 0.5) + (fy - 0.5) * (fy - 0.5) < 0.1
    case .checks: return (fx < 0.5) != (fy < 0.5)
    case .blotches: return Noise.value(x * 0.9, y * 0.9, salt) > 0.52
    case .rings:
      let radius = (u * u + v * v).squareRoot() * frequency + shift.0
      return radius - radius.rounded(.down) < 0.45
    }
  }

  /// Converts HSV to RGB: the hue in turns (any number), saturation and value 0...1.
  static func light(hue: Double, saturation: Double, value: Double) -> Light {
    let turns = (hue - hue.rounded(.down)) * 6
    func channel(_ offset: Double) -> Float {
      let k = (offset + turns).truncatingRemainder(dividingBy: 6)
      return Float(255 * (value - value * saturation * max(0, min(min(k, 4 - k), 1))))
    }
    return (channel(5), channel(3), channel(1))
  }
}

extension Texture {
  /// Mixes both colours with another one by `share`.
  static func blend(_ texture: Texture, _ light: Light, _ share: Float) -> Texture {
    func mix(_ a: Light) -> Light {
      (
        a.red + (light.red - a.red) * share, a.green + (light.green - a.green) * share,
        a.blue + (light.blue - a.blue) * share
      )
    }
    var result = texture
    result.first = mix(texture.first)
    result.second = mix(texture.second)
    return result
  }

  static func blend(_ texture: Texture, _ other: Texture, _ share: Float) -> Texture {
    blend(texture, other.first, share)
  }
}
