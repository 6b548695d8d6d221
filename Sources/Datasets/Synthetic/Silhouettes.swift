// The shapes of the synthetic classes: each object is a list of parts, back to front, in a square from (-1, -1) to (1,
// 1) with y down, facing right. The proportions vary at random.
import Images
import Randomness

/// The paint of a part: the texture of the object, or a mix of it with another colour.
package enum Tone: Sendable { case body, dark, light, accent }

package typealias Part = (shape: Shape, tone: Tone)

package enum Silhouettes {
  /// Draws one object of class `index` (1...20, in VOC's order).
  package static func draw(_ index: Int, _ r: inout CounterRandom) -> [Part] {
    switch index {
    case 1: aeroplane(&r)
    case 2: bicycle(&r)
    case 3: bird(&r)
    case 4: boat(&r)
    case 5: bottle(&r)
    case 6: bus(&r)
    case 7: car(&r)
    case 8: cat(&r)
    case 9: chair(&r)
    case 10: cow(&r)
    case 11: diningTable(&r)
    case 12: dog(&r)
    case 13: horse(&r)
    case 14: motorbike(&r)
    case 15: person(&r)
    case 16: pottedPlant(&r)
    case 17: sheep(&r)
    case 18: sofa(&r)
    case 19: train(&r)
    case 20: tvMonitor(&r)
    default: preconditionFailure("no silhouette for class \(index)")
    }
  }

  /// The largest rotation of an object of the class to either side, in turns. Flying objects rotate most.
  static func lean(_ index: Int) -> Double {
    switch index {
    case 1, 3: 0.12
    case 5, 8: 0.08
    default: 0.045
    }
  }

  // MARK: Vehicles

  private static func aeroplane(_ r: inout CounterRandom) -> [Part] {
    let girth = r.uniform(0.13, 0.2)
    let sweep = r.uniform(0.2, 0.5)
    let span = r.uniform(0.6, 0.85)
    return [
      (.polygon((0.1, 0), (-0.2, 0), (-0.2 - sweep, -span), (-0.02 - sweep, -span)), .body),
      (.ellipse((0, 0), (0.95, girth)), .body),
      (.polygon((-0.62, 0), (-0.9, 0), (-0.98, -0.42), (-0.8, -0.42)), .accent),
      (.polygon((0.15, 0), (-0.2, 0), (-0.2 - sweep, span), (0.02 - sweep, span)), .body),
      (.ellipse((0.68, -0.25 * girth), (0.13, 0.4 * girth)), .light),
    ]
  }

  private static func bicycle(_ r: inout CounterRandom) -> [Part] {
    let radius = r.uniform(0.36, 0.44)
    let x = 0.98 - radius
    let y = r.uniform(0.28, 0.36)
    let w = r.uniform(0.1, 0.13)
    let saddle = r.uniform(-0.5, -0.35)
    return [
      (.ring((-x, y), radius: radius, width: w), .dark), (.ring((x, y), radius: radius, width: w), .dark),
      (.line((-x, y), (-0.05, y), width: w), .body), (.line((-x, y), (-0.25, saddle), width: w), .body),
      (.line((-0.05, y), (-0.25, saddle), width: w), .body),
      (.line((-0.22, saddle + 0.15), (0.4, saddle + 0.1), width: w), .body),
      (.line((-0.05, y), (0.4, saddle + 0.1), width: w), .body),
      (.line((x, y), (0.36, saddle - 0.12), width: w), .body),
      (.line((0.36, saddle - 0.12), (0.6, saddle - 0.2), width: w), .dark),
      (.line((-0.42, saddle - 0.04), (-0.12, saddle - 0.04), width: 0.13), .dark),
    ]
  }

  private static func boat(_ r: inout CounterRandom) -> [Part] {
    let deck = r.uniform(0.3, 0.45)
    let mast = r.uniform(-0.2, 0.15)
    let bow = r.uniform(0.85, 0.98)
    var parts: [Part] = [
      (.rectangle((mast - 0.04, -0.95), (mast + 0.04, deck)), .dark),
      (.polygon((-0.95, deck), (bow, deck), (0.6, 0.9), (-0.7, 0.9)), .body),
      (.polygon((mast + 0.07, -0.9), (mast + 0.07, deck - 0.12), (0.8, deck - 0.12)), .light),
    ]
    if r.chance(0.6) {
      parts.append((.polygon((mast - 0.07, -0.75), (mast - 0.07, deck - 0.12), (-0.75, deck - 0.12)), .accent))
    }
    return parts
  }

  private static func bus(_ r: inout CounterRandom) -> [Part] {
    let top = r.uniform(-0.68, -0.55)
    var parts: [Part] = [
      (.ellipse((-0.55, 0.5), (0.19, 0.19)), .dark), (.ellipse((0.55, 0.5), (0.19, 0.19)), .dark),
      (.polygon((-0.97, top + 0.08), (-0.9, top), (0.88, top), (0.97, top + 0.12), (0.97, 0.5), (-0.97, 0.5)), .body),
    ]
    let windows = 4 + r.integer(below: 3)
    let step = 1.76 / Double(windows)
    for i in 0..<windows {
      let left = -0.88 + Double(i) * step
      parts.append((.rectangle((left + 0.04, top + 0.16), (left + step - 0.04, top + 0.48)), .light))
    }
    return parts
  }

  private static func car(_ r: inout CounterRandom) -> [Part] {
    let roof = r.uniform(-0.42, -0.3)
    let (back, front) = (r.uniform(-0.7, -0.5), r.uniform(0.3, 0.5))
    let wheel = r.uniform(0.19, 0.24)
    return [
      (.polygon((back - 0.15, 0.05), (back + 0.12, roof), (front - 0.2, roof), (front + 0.15, 0.05)), .body),
      (.polygon((back + 0.03, 0.0), (back + 0.19, roof + 0.09), (-0.1, roof + 0.09), (-0.1, 0.0)), .light),
      (.polygon((-0.02, 0.0), (-0.02, roof + 0.09), (front - 0.25, roof + 0.09), (front, 0.0)), .light),
      (.polygon((-0.97, 0.05), (0.8, 0.0), (0.97, 0.18), (0.97, 0.42), (-0.97, 0.42)), .body),
      (.ellipse((-0.56, 0.42), (wheel, wheel)), .dark), (.ellipse((0.57, 0.42), (wheel, wheel)), .dark),
    ]
  }

  private static func motorbike(_ r: inout CounterRandom) -> [Part] {
    let radius = r.uniform(0.32, 0.38)
    let y = 0.35
    return [
      (.ellipse((-0.62, y), (radius, radius)), .dark), (.ellipse((0.62, y), (radius, radius)), .dark),
      (.ellipse((-0.62, y), (0.12, 0.12)), .light), (.ellipse((0.62, y), (0.12, 0.12)), .light),
      (.polygon((-0.45, 0.4), (-0.5, -0.05), (0.25, -0.1), (0.3, 0.35), (0, 0.5)), .body),
      (.ellipse((0.12, -0.14), (0.34, 0.19)), .body),
      (.line((-0.75, -0.18), (-0.2, -0.08), width: 0.2), .accent),
      (.line((0.62, y), (0.36, -0.42), width: 0.12), .body), (.line((0.2, -0.55), (0.46, -0.38), width: 0.11), .dark),
      (.ellipse((0.54, -0.22), (0.12, 0.12)), .light),
    ]
  }

  private static func train(_ r: inout CounterRandom) -> [Part] {
    let top = r.uniform(-0.35, -0.25)
    var parts: [Part] = []
    for i in 0..<6 { parts.append((.ellipse((-0.8 + 0.31 * Double(i), 0.4), (0.13, 0.13)), .dark)) }
    parts += [
      (.polygon((-0.97, top - 0.25), (-0.35, top - 0.25), (-0.35, 0.35), (-0.97, 0.35)), .body),
      (.polygon((-0.37, top), (0.72, top), (0.8, 0), (0.97, 0.35), (-0.37, 0.35)), .body),
      (.rectangle((-0.84, top - 0.12), (-0.5, 0.0)), .light),
      (.rectangle((0.42, top - 0.35), (0.6, top + 0.02)), .accent),
      (.rectangle((0.36, top - 0.43), (0.66, top - 0.33)), .accent),
      (.ellipse((0, top), (0.16, 0.14)), .accent),
    ]
    return parts
  }

  // MARK: Indoors

  private static func bottle(_ r: inout CounterRandom) -> [Part] {
    let half = r.uniform(0.24, 0.33)
    let shoulder = r.uniform(-0.35, -0.15)
    let neck = r.uniform(0.09, 0.13)
    return [
      (
        .polygon(
          (-neck, -0.8), (neck, -0.8), (neck, shoulder - 0.2), (half, shoulder + 0.12), (half, 0.95), (-half, 0.95),
          (-half, shoulder + 0.12), (-neck, shoulder - 0.2)), .body
      ),
      (.rectangle((-neck - 0.03, -0.97), (neck + 0.03, -0.76)), .accent),
      (.rectangle((-half, 0.2), (half, 0.62)), .light),
    ]
  }

  private static func chair(_ r: inout CounterRandom) -> [Part] {
    let seat = r.uniform(0.05, 0.2)
    let w = r.uniform(0.1, 0.14)
    return [
      (.line((-0.35, seat), (-0.3, 0.8), width: w), .dark), (.line((0.62, seat), (0.58, 0.8), width: w), .dark),
      (.polygon((-0.6, -0.95), (-0.1, -0.95), (-0.1, seat), (-0.6, seat)), .body),
      (.rectangle((-0.48, -0.8), (-0.22, seat - 0.3)), .light),
      (.polygon((-0.6, seat - 0.05), (0.6, seat - 0.05), (0.75, seat + 0.14), (-0.6, seat + 0.14)), .body),
      (.line((-0.54, seat), (-0.56, 0.92), width: w), .body), (.line((0.67, seat + 0.1), (0.7, 0.92), width: w), .body),
    ]
  }

  private static func diningTable(_ r: inout CounterRandom) -> [Part] {
    let top = r.uniform(-0.35, -0.15)
    let inset = r.uniform(0.2, 0.4)
    var parts: [Part] = [
      (.rectangle((-0.95 + inset, top + 0.2), (-0.8 + inset, 0.6)), .dark),
      (.rectangle((0.8 - inset, top + 0.2), (0.95 - inset, 0.6)), .dark),
      (.rectangle((-0.9, top + 0.25), (-0.74, 0.85)), .accent), (.rectangle((0.74, top + 0.25), (0.9, 0.85)), .accent),
      (.polygon((-0.97 + inset, top), (0.97 - inset, top), (0.97, top + 0.32), (-0.97, top + 0.32)), .body),
    ]
    for i in 0..<2 + r.integer(below: 2) {
      parts.append((.ellipse((-0.4 + 0.4 * Double(i), top + 0.15), (0.13, 0.06)), .light))
    }
    return parts
  }

  private static func pottedPlant(_ r: inout CounterRandom) -> [Part] {
    let rim = r.uniform(0.3, 0.42)
    var parts: [Part] = []
    let leaves = 6 + r.integer(below: 4)
    for i in 0..<leaves {
      let angle = -0.24 + 0.48 * (Double(i) + r.uniform(0.1, 0.9)) / Double(leaves)
      let (c, s) = CounterRandom.circle(angle < 0 ? angle + 1 : angle)
      let length = r.uniform(0.8, 1.2) * (1 - 0.25 * abs(s))
      let leaf = Shape.ellipse((0, -length / 2), (r.uniform(0.1, 0.16), length / 2))
      parts.append((leaf.map { Point($0.x * c - $0.y * s, rim - 0.05 + $0.x * s + $0.y * c) }, .body))
    }
    parts.append((.polygon((-0.42, rim), (0.42, rim), (0.3, 0.95), (-0.3, 0.95)), .accent))
    parts.append((.rectangle((-0.48, rim - 0.06), (0.48, rim + 0.12)), .accent))
    return parts
  }

  private static func sofa(_ r: inout CounterRandom) -> [Part] {
    let back = r.uniform(-0.55, -0.4)
    let arm = r.uniform(-0.15, 0.0)
    return [
      (.rectangle((-0.85, 0.5), (-0.7, 0.68)), .dark), (.rectangle((0.7, 0.5), (0.85, 0.68)), .dark),
      (
        .polygon((-0.75, back + 0.1), (-0.65, back), (0.65, back), (0.75, back + 0.1), (0.75, 0.3), (-0.75, 0.3)), .body
      ),
      (.rectangle((-0.75, 0.1), (-0.02, 0.32)), .light), (.rectangle((0.02, 0.1), (0.75, 0.32)), .light),
      (.rectangle((-0.8, 0.3), (0.8, 0.58)), .body),
      (
        .polygon((-0.97, arm + 0.1), (-0.9, arm), (-0.74, arm), (-0.68, arm + 0.1), (-0.68, 0.58), (-0.97, 0.58)),
        .accent
      ),
      (.polygon((0.97, arm + 0.1), (0.9, arm), (0.74, arm), (0.68, arm + 0.1), (0.68, 0.58), (0.97, 0.58)), .accent),
    ]
  }

  private static func tvMonitor(_ r: inout CounterRandom) -> [Part] {
    let top = r.uniform(-0.75, -0.6)
    let edge = r.uniform(0.08, 0.13)
    return [
      (.polygon((-0.1, 0.4), (0.1, 0.4), (0.16, 0.75), (-0.16, 0.75)), .dark),
      (.ellipse((0, 0.76), (0.45, 0.1)), .dark),
      (.rectangle((-0.95, top), (0.95, 0.48)), .dark),
      (.rectangle((-0.95 + edge, top + edge), (0.95 - edge, 0.48 - edge)), .body),
      (.polygon((0.1, top + edge), (0.4, top + edge), (-0.2, 0.48 - edge), (-0.5, 0.48 - edge)), .light),
    ]
  }
}
