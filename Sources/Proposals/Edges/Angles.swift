// Angles by polynomials. libm's last bits differ between versions, and boxes may not: only + - * / and sqrt are used.

package enum Angles {
  /// Half of the angle of (cosine, sine), in [0, pi): the axis whose doubled angle that is; 0 for (0, 0). Within 1e-6.
  ///
  /// The polynomial is Abramowitz and Stegun's 4.4.49.
  @inline(__always)
  package static func half(_ cosine: Float, _ sine: Float) -> Float {
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
    // Now of (|cosine|, |sine|) in 0...pi/2; then of the other quadrants.
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

  /// Taylor's series on [-pi/2, pi/2].
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

  /// How far two axes' angles, both in [0, pi), lie apart: 0...pi/2.
  @inline(__always)
  package static func difference(_ a: Float, _ b: Float) -> Float {
    let d = (a - b).magnitude
    return d > Float.pi / 2 ? Float.pi - d : d
  }
}
