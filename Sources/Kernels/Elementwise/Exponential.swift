// exp and log(1 + e) for 16 lanes, by series, so that losses have the same bits whatever the C library.
//
// Accuracy first (both within 2e-7 relative of the truth, tested), then speed: no table, no branch.

extension Lanes {
  /// exp(x) for x <= 0; below -87.3, where exp(x) is about the least normal float, that least value.
  ///
  /// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) is its Taylor series to r^7 (the next term is below 6e-9), 2^n goes into
  /// the exponent bits.
  @inline(__always) package static func exponential(ofNonPositive x: Lanes) -> Lanes {
    let x = x.replacing(with: -87.336_54, where: x .< -87.336_54)
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
    let shifted = Lanes(repeating: 12_582_912).addingProduct(x, Lanes(repeating: 1.442_695_04))
    let n = shifted - 12_582_912
    // ln 2 in two parts, the first with so few bits that n times it is exact.
    let r = x.addingProduct(n, Lanes(repeating: -0.693_359_375)).addingProduct(n, Lanes(repeating: 2.121_944_4e-4))
    var series = Lanes(repeating: 1 / 5040)
    series = Lanes(repeating: 1 / 720).addingProduct(series, r)
    series = Lanes(repeating: 1 / 120).addingProduct(series, r)
    series = Lanes(repeating: 1 / 24).addingProduct(series, r)
    series = Lanes(repeating: 1 / 6).addingProduct(series, r)
    series = Lanes(repeating: 1 / 2).addingProduct(series, r)
    series = Lanes(repeating: 1).addingProduct(series, r)
    series = Lanes(repeating: 1).addingProduct(series, r)
    let bits = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- 0x4b40_0000 &+ 127
    return series * unsafeBitCast(bits &<< 23, to: Lanes.self)
  }

  /// log(1 + e) for e in 0...1, accurate relative to the result also where e is tiny.
  ///
  /// With s = e / (2 + e) it is 2 (s + s^3/3 + s^5/5 + ...); s is at most 1/3, and s^17 the first term left out.
  @inline(__always) package static func logarithm(ofOnePlus e: Lanes) -> Lanes {
    let s = e / (e + 2)
    let square = s * s
    var series = Lanes(repeating: 1 / 15)
    series = Lanes(repeating: 1 / 13).addingProduct(series, square)
    series = Lanes(repeating: 1 / 11).addingProduct(series, square)
    series = Lanes(repeating: 1 / 9).addingProduct(series, square)
    series = Lanes(repeating: 1 / 7).addingProduct(series, square)
    series = Lanes(repeating: 1 / 5).addingProduct(series, square)
    series = Lanes(repeating: 1 / 3).addingProduct(series, square)
    let twice = s + s
    return twice.addingProduct(twice * square, series)
  }

  /// log(1 + x) for finite x >= 0: the exponent of 1 + x times ln 2, plus the logarithm of its significand.
  @inline(__always) package static func logarithm(ofOnePlusNonNegative x: Lanes) -> Lanes {
    let bits = unsafeBitCast(x + 1, to: SIMD16<Int32>.self)
    let exponent = unsafeBitCast((bits &>> 23) &+ (0x4b40_0000 - 127), to: Lanes.self) - 12_582_912
    let significand = unsafeBitCast(bits & 0x7f_ffff | 0x3f80_0000, to: Lanes.self)
    // Up to 1, x itself keeps the digits that 1 + x rounds away.
    let isLarge = x .> 1
    return logarithm(ofOnePlus: x.replacing(with: significand - 1, where: isLarge))
      .addingProduct(Lanes().replacing(with: exponent, where: isLarge), Lanes(repeating: 0.693_147_181))
  }

  /// 1 / (1 + exp(-x)) from e = exp(-|x|): no overflow, and small values keep their relative accuracy.
  @inline(__always) package static func sigmoid(_ x: Lanes) -> Lanes {
    let magnitude = x.replacing(with: -x, where: x .> 0)
    let e = exponential(ofNonPositive: magnitude)
    let numerator = Lanes(repeating: 1).replacing(with: e, where: x .< 0)
    return numerator / (e + 1)
  }

  /// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).
  @inline(__always) package static func softplus(_ x: Lanes) -> Lanes {
    let magnitude = x.replacing(with: -x, where: x .> 0)
    return x.rectified + logarithm(ofOnePlus: exponential(ofNonPositive: magnitude))
  }
}

/// 1 / (1 + exp(-x)), the bits of the vector code.
package func sigmoid(_ x: Float) -> Float { Lanes.sigmoid(Lanes(repeating: x))[0] }
