// A counter-based random number generator: word i of a stream is a function of the stream's key and of i. The key
// consists of the seed and of the use of the numbers (purpose, phase, iteration, example slot). Any rank can therefore
// compute any number in any order, and a checkpoint has no state to save.
//
// Goals, in order of priority: the same numbers on every machine, quality, speed. Only integer arithmetic and IEEE
// basic operations (+ - * / sqrt) are used, and never libm, whose last bits differ between versions.

/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
package enum Philox {
  /// Returns the bijection of `counter` (four 32-bit words, lowest first) under `key`.
  @inline(__always)
  package static func block(
    _ counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var c = counter
    var k = key
    for _ in 0..<10 {
      let p = UInt64(0xD251_1F53) &* UInt64(c.0)
      let q = UInt64(0xCD9E_8D57) &* UInt64(c.2)
      c = (
        UInt32(truncatingIfNeeded: q >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: q),
        UInt32(truncatingIfNeeded: p >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: p)
      )
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
    }
    return c
  }

  /// Returns the bijection of a counter of two 64-bit halves, low words first.
  @inline(__always)
  static func block(_ low: UInt64, _ high: UInt64, key: UInt64) -> (UInt64, UInt64) {
    let r = block(
      (
        UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32),
        UInt32(truncatingIfNeeded: high), UInt32(truncatingIfNeeded: high >> 32)
      ), key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
    return (UInt64(r.0) | UInt64(r.1) << 32, UInt64(r.2) | UInt64(r.3) << 32)
  }
}

/// A stream of random 64-bit words, whose key is a seed and any number of further words.
///
/// It does not conform to `RandomNumberGenerator`: the standard library may change the results of `shuffled` and
/// `random(in:)` between versions, and weights must not depend on the compiler.
package struct CounterRandom: Sendable {
  private let key: UInt64
  private let stream: UInt64
  /// The index of the next word, the only mutable state.
  package private(set) var position: UInt64 = 0

  /// Creates the stream of a seed and further words, whose order and number count.
  package init(seed: UInt64, _ words: UInt64...) { self.init(seed: seed, words: words) }

  /// Creates the stream of a seed for a purpose and further words, such as phase, iteration and slot.
  package init(seed: UInt64, _ purpose: StreamPurpose, _ words: UInt64...) {
    self.init(seed: seed, words: [purpose.rawValue] + words)
  }

  private init(seed: UInt64, words: [UInt64]) {
    var key = seed
    var stream = UInt64(words.count)
    for word in words { (key, stream) = Philox.block(word, stream, key: key) }
    let name = Philox.block(~0, stream, key: key)
    self.key = name.0
    self.stream = name.1
  }

  /// Returns word `index` of the stream, independent of `position`.
  package func word(at index: UInt64) -> UInt64 {
    let pair = Philox.block(index >> 1, stream, key: key)
    return index & 1 == 0 ? pair.0 : pair.1
  }

  /// Returns the next word.
  package mutating func next() -> UInt64 {
    defer { position += 1 }
    return word(at: position)
  }

  /// Returns a uniform number in [0, 1), a multiple of 2^-53.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Returns a uniform number in [low, high).
  package mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// Returns an integer in 0..<bound, all equally likely (Lemire's multiplication with rejection).
  package mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "no integer lies below \(bound)")
    let bound = UInt64(bound)
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return Int(product.high)
  }

  /// Returns true with the given probability.
  package mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  /// Returns a permutation of 0..<count, all equally likely (Fisher and Yates).
  package mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) { order.swapAt(i, integer(below: i + 1)) }
    return order
  }

  /// Returns a standard normal number (Box and Muller) from two words.
  package mutating func gaussian() -> Double { gaussianPair().0 }

  /// Returns two independent standard normal numbers from two words.
  package mutating func gaussianPair() -> (Double, Double) {
    let first = next()
    let angle = uniform()
    // In (0, 1], so that the logarithm is finite: at most 8.6 standard deviations.
    let radius = (-2 * Self.logarithm(Double((first >> 11) + 1) * 0x1p-53)).squareRoot()
    let (cosine, sine) = Self.circle(angle)
    return (radius * cosine, radius * sine)
  }

  /// Fills the buffer with normal numbers of mean 0. Values 2i and 2i + 1 share the words 2i and 2i + 1 after
  /// `position`.
  package mutating func fillGaussian(_ buffer: UnsafeMutableBufferPointer<Float>, standardDeviation: Double) {
    for i in stride(from: 0, to: buffer.count, by: 2) {
      let pair = gaussianPair()
      buffer[i] = Float(pair.0 * standardDeviation)
      if i + 1 < buffer.count { buffer[i + 1] = Float(pair.1 * standardDeviation) }
    }
  }

  /// Returns the natural logarithm of a positive normal number to about 1e-15: exponent plus 2 atanh((m-1)/(m+1)).
  package static func logarithm(_ x: Double) -> Double {
    precondition(x > 0 && x.isNormal, "logarithm of \(x)")
    var m = x.significand
    var e = Double(x.exponent)
    if m > 1.4142135623730951 {
      m *= 0.5
      e += 1
    }
    let s = (m - 1) / (m + 1)
    let q = s * s
    var sum = 0.0
    for k in stride(from: 21, through: 1, by: -2) { sum = sum * q + 1 / Double(k) }
    return e * 0.6931471805599453 + 2 * s * sum
  }

  /// Returns cosine and sine of `turns` full turns, in [0, 1], to about 1e-15, by Taylor series within an eighth of a
  /// turn.
  package static func circle(_ turns: Double) -> (cosine: Double, sine: Double) {
    let quarter = (turns * 4).rounded()
    let x = (turns - quarter * 0.25) * 6.283185307179586
    let q = -x * x
    var c = 0.0
    var s = 0.0
    for k in stride(from: 16, through: 2, by: -2) {
      c = (c + 1) * q * (1 / Double(k * (k - 1)))
      s = (s + 1) * q * (1 / Double(k * (k + 1)))
    }
    let (cosine, sine) = (1 + c, x * (1 + s))
    switch Int(quarter) & 3 {
    case 0: return (cosine, sine)
    case 1: return (-sine, cosine)
    case 2: return (-cosine, -sine)
    default: return (sine, -cosine)
    }
  }
}
