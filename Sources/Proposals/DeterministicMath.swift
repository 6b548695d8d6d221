// Angles and powers from + - * / and sqrt alone. The last bits of libm differ between versions, and boxes may not.
import Foundation

package enum DeterministicMath {
  // MARK: Angles

  /// Half of the angle of (cosine, sine), in [0, pi): the axis whose doubled angle that is; 0 for (0, 0). Within 1e-6.
  ///
  /// The polynomial is 4.4.49 of Abramowitz and Stegun.
  @inline(__always)
  package static func halfAngle(_ cosine: Float, _ sine: Float) -> Float {
    let (a, b) = (cosine.magnitude, sine.magnitude)
    let larger = a > b ? a : b
    guard larger > 0 else { return 0 }
    let t = (a > b ? b : a) / larger
    let q = t * t
    var p: Float = 0.0028662257
    p = p * q - 0.0161657367
    p = p * q + 0.0429096138
    p = p * q - 0.0752896400
    p = p * q + 0.1065626393
    p = p * q - 0.1420889944
    p = p * q + 0.1999355085
    p = p * q - 0.3333314528
    p = (p * q + 1) * t
    // So far the angle of (|cosine|, |sine|), in 0...pi/2.
    if b > a { p = Float.pi / 2 - p }
    if cosine < 0 { p = Float.pi - p }
    if sine < 0 { p = 2 * Float.pi - p }
    p /= 2
    return p < Float.pi ? p : 0
  }

  /// Cosine and sine of an angle in [0, pi]. Within 1e-6.
  @inline(__always)
  package static func circle(_ angle: Float) -> (cosine: Float, sine: Float) {
    let d = Float.pi / 2 - angle
    return (sine(d), cosine(d))
  }

  /// The Taylor series, for x in [-pi/2, pi/2].
  @inline(__always)
  private static func sine(_ x: Float) -> Float {
    let q = x * x
    var p: Float = -1 / 39_916_800
    p = p * q + 1 / 362_880
    p = p * q - 1 / 5040
    p = p * q + 1 / 120
    p = p * q - 1 / 6
    return x + x * q * p
  }

  @inline(__always)
  private static func cosine(_ x: Float) -> Float {
    let q = x * x
    var p: Float = 1 / 479_001_600
    p = p * q - 1 / 3_628_800
    p = p * q + 1 / 40_320
    p = p * q - 1 / 720
    p = p * q + 1 / 24
    return 1 - q / 2 + q * q * p
  }

  /// The angle between two axes whose angles are in [0, pi): 0...pi/2.
  @inline(__always)
  package static func axisDifference(_ a: Float, _ b: Float) -> Float {
    let d = (a - b).magnitude
    return d > Float.pi / 2 ? Float.pi - d : d
  }

  // MARK: Powers

  /// x^exponent for x >= 0. Multiples of a half up to 4 are products and square roots; others are left to libm.
  static func power(_ x: Float, _ exponent: Float) -> Float {
    let halves = exponent * 2
    guard halves >= 0, halves <= 8, halves == halves.rounded() else { return pow(x, exponent) }
    var result: Float = Int(halves) % 2 == 1 ? x.squareRoot() : 1
    for _ in 0..<Int(halves) / 2 { result *= x }
    return result
  }

  /// 2^x by the series of the exponential function, for |x| up to 60.
  static func powerOfTwo(_ x: Double) -> Double {
    let whole = x.rounded()
    let y = (x - whole) * 0.6931471805599453
    var sum = 1.0
    for n in Swift.stride(from: 18, through: 1, by: -1) { sum = 1 + sum * y / Double(n) }
    return Double(sign: .plus, exponent: Int(whole), significand: sum)
  }
}
