// Deterministic exponential and logarithm of 16 lanes by series, so that losses do not depend on the C library.
//
// Goals, in order of priority: accuracy (a relative error below 2e-7, tested), speed (no table, no branch).

extension Lanes {
  /// Returns exp(x) for x <= 0. Below -87.3 it is about the least normal float.
  ///
  /// With x = n ln 2 + r and |r| <= ln 2 / 2, exp(r) is the Taylor series to r^7 (the next term is below 6e-9), and 2^n
  /// goes into the exponent bits.
  @inline(__always) package static func exponential(ofNonPositive x: Lanes) -> Lanes {
    let x = x.replacing(with: -87.336_54, where: x .< -87.336_54)
    // The sum with 1.5 * 2^23 has the nearest integer in its low bits.
    let shifted = Lanes(repeating: 12_582_912).addingProduct(x, Lanes(repeating: 1.442_695_04))
    let n = shifted - 12_582_912
    // ln 2 is split in two parts, the first with so few bits that its product with n is exact.
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

  /// Returns log(1 + e) for e in 0...1, accurate relative to the result even where e is tiny.
  ///
  /// With s = e / (2 + e) it is 2 (s + s^3/3 + s^5/5 + ...), where s is at most 1/3. The first term left out is s^17.
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

  /// Returns log(1 + x) for finite x >= 0: the exponent of 1 + x times ln 2, plus the logarithm of its significand.
  @inline(__always) package static func logarithm(ofOnePlusNonNegative x: Lanes) -> Lanes {
    let bits = unsafeBitCast(x + 1, to: SIMD16<Int32>.self)
    let exponent = unsafeBitCast((bits &>> 23) &+ (0x4b40_0000 - 127), to: Lanes.self) - 12_582_912
    let significand = unsafeBitCast(bits & 0x7f_ffff | 0x3f80_0000, to: Lanes.self)
    // Up to 1, x itself keeps the digits that 1 + x rounds away.
    let isLarge = x .> 1
    return logarithm(ofOnePlus: x.replacing(with: significand - 1, where: isLarge))
      .addingProduct(Lanes().replacing(with: exponent, where: isLarge), Lanes(repeating: 0.693_147_181))
  }

  /// Returns 1 / (1 + exp(-x)), computed from exp(-|x|): it cannot overflow, and small values keep their relative
  /// accuracy.
  @inline(__always) package static func sigmoid(_ x: Lanes) -> Lanes {
    let magnitude = x.replacing(with: -x, where: x .> 0)
    let e = exponential(ofNonPositive: magnitude)
    let numerator = Lanes(repeating: 1).replacing(with: e, where: x .< 0)
    return numerator / (e + 1)
  }

  /// Returns log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).
  @inline(__always) package static func softplus(_ x: Lanes) -> Lanes {
    let magnitude = x.replacing(with: -x, where: x .> 0)
    return x.rectified + logarithm(ofOnePlus: exponential(ofNonPositive: magnitude))
  }
}

/// Returns 1 / (1 + exp(-x)) with the bits of the vector code.
package func sigmoid(_ x: Float) -> Float { Lanes.sigmoid(Lanes(repeating: x))[0] }
