// The counter-based generator: published words, distributions, and accuracy of its own functions.
import Foundation
import Randomness
import Testing

@Suite struct CounterRandomTests {
  /// The vectors published with the authors' Random123 library (kat_vectors, philox4x32 10).
  @Test("Philox gives the published words.") func philoxGivesThePublishedWords() {
    let zero = Philox.block((0, 0, 0, 0), key: (0, 0))
    #expect([zero.0, zero.1, zero.2, zero.3] == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    let m = UInt32.max
    let ones = Philox.block((m, m, m, m), key: (m, m))
    #expect([ones.0, ones.1, ones.2, ones.3] == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    let pi = Philox.block((0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: (0xa409_3822, 0x299f_31d0))
    #expect([pi.0, pi.1, pi.2, pi.3] == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  @Test("Words depend on the whole key and on nothing else.") func wordsDependOnTheWholeNameAndOnNothingElse() {
    var a = CounterRandom(seed: 7, 1, 2, 3)
    let words = (0..<9).map { _ in a.next() }
    #expect((0..<9).map { a.word(at: UInt64($0)) } == words)
    let others = [
      CounterRandom(seed: 8, 1, 2, 3), CounterRandom(seed: 7, 1, 2, 4), CounterRandom(seed: 7, 2, 1, 3),
      CounterRandom(seed: 7, 1, 2), CounterRandom(seed: 7, 1, 2, 3, 0), CounterRandom(seed: 7),
    ]
    #expect(Set(others.map { $0.word(at: 0) } + [words[0]]).count == 7)
  }

  @Test("Uniform numbers fill the interval evenly.") func uniformsFillTheInterval() {
    var random = CounterRandom(seed: 3, 1)
    var (sum, squares, low, high) = (0.0, 0.0, 1.0, 0.0)
    for _ in 0..<100_000 {
      let u = random.uniform()
      (sum, squares, low, high) = (sum + u, squares + u * u, min(low, u), max(high, u))
    }
    #expect(low >= 0 && low < 1e-3 && high < 1 && high > 0.999)
    #expect(abs(sum / 1e5 - 0.5) < 0.005 && abs(squares / 1e5 - 1 / 3.0) < 0.005)
  }

  @Test("Integers are equally likely.") func integersAreEquallyLikely() {
    var random = CounterRandom(seed: 4)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.integer(below: 7)] += 1 }
    // Chi squared with 6 degrees of freedom: above 28 once in ten thousand streams.
    #expect(counts.reduce(0.0) { $0 + pow(Double($1 - 10_000), 2) / 10_000 } < 28)
    #expect(random.integer(below: 1) == 0)
  }

  @Test("Permutations are equally likely.") func permutationsAreEquallyLikely() {
    var random = CounterRandom(seed: 5)
    var counts: [[Int]: Int] = [:]
    for _ in 0..<24_000 { counts[random.permutation(4), default: 0] += 1 }
    #expect(counts.count == 24)
    #expect(counts.values.reduce(0.0) { $0 + pow(Double($1 - 1000), 2) / 1000 } < 58)
    #expect(random.permutation(0) == [] && random.permutation(1) == [0])
  }

  @Test("Normal numbers have the moments of the normal distribution.")
  func normalsHaveTheMomentsOfTheNormalDistribution() {
    var random = CounterRandom(seed: 6)
    var values = [Float](repeating: 0, count: 100_001)
    values.withUnsafeMutableBufferPointer { random.fillGaussian($0, standardDeviation: 2) }
    let z = values.map { Double($0) / 2 }
    let moment = { (k: Double) in z.reduce(0) { $0 + pow($1, k) } / Double(z.count) }
    #expect(abs(moment(1)) < 0.015 && abs(moment(2) - 1) < 0.02 && abs(moment(3)) < 0.04 && abs(moment(4) - 3) < 0.12)
    #expect(abs(Double(z.filter { abs($0) < 1 }.count) / Double(z.count) - 0.6827) < 0.006)
    // Neighbours, which share a radius, are uncorrelated.
    #expect(abs(zip(z, z.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / Double(z.count)) < 0.015)
  }

  @Test("The logarithm and the circle functions agree with the system's.")
  func ownLogarithmAndCircleAgreeWithTheSystem() {
    var random = CounterRandom(seed: 9)
    for i in 0..<20_000 {
      let u = i == 0 ? 1 : max(random.uniform(), 0x1p-53) * (i % 3 == 0 ? 1e-9 : 1)
      #expect(abs(CounterRandom.logarithm(u) - log(u)) <= 4e-16 * max(1, abs(log(u))))
      let (cosine, sine) = CounterRandom.circle(u)
      #expect(abs(cosine - cos(2 * .pi * u)) < 2e-15 && abs(sine - sin(2 * .pi * u)) < 2e-15)
    }
  }
}
