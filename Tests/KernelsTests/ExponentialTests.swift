// The series against Foundation's functions in double precision.
import Foundation
import Kernels
import Testing

@Suite struct ExponentialTests {
  /// Largest relative error over `values`, with each lane used.
  func worst(_ values: [Float], _ fast: (SIMD16<Float>) -> SIMD16<Float>, _ truth: (Double) -> Double) -> Double {
    var worst = 0.0
    for start in stride(from: 0, to: values.count - 15, by: 16) {
      let input = SIMD16<Float>(values[start..<start + 16])
      let output = fast(input)
      for lane in 0..<16 {
        let expected = truth(Double(input[lane]))
        let error = abs(Double(output[lane]) - expected) / abs(expected)
        worst = error.isNaN ? .infinity : max(worst, error)
      }
    }
    return worst
  }

  static let steps = (0..<160_000).map { Float($0) / 160_000 }

  @Test("The exponential is accurate, does not underflow and passes NaN on.") func exponential() {
    #expect(worst(Self.steps.map { -87.3 * $0 }, { .exponential(ofNonPositive: $0) }, exp) < 2e-7)
    #expect(worst(Self.steps.map { -$0 }, { .exponential(ofNonPositive: $0) }, exp) < 1.2e-7)
    let far = SIMD16<Float>.exponential(ofNonPositive: SIMD16(repeating: -.infinity))
    #expect(far[0] >= 0 && far[0] < 2e-38)
    #expect(SIMD16<Float>.exponential(ofNonPositive: SIMD16()) == SIMD16(repeating: 1))
    #expect(SIMD16<Float>.exponential(ofNonPositive: SIMD16(repeating: .nan))[3].isNaN)
  }

  @Test("The logarithm of one plus a number up to one is accurate.") func logarithm() {
    #expect(worst(Self.steps.map { 1 - $0 }, { .logarithm(ofOnePlus: $0) }, log1p) < 2e-7)
    #expect(worst(Self.steps.map { exp(-80 * $0) }, { .logarithm(ofOnePlus: $0) }, log1p) < 2e-7)
  }

  @Test("The logarithm of one plus a number is accurate beyond one and passes NaN on.") func longLogarithm() {
    #expect(worst(Self.steps.map { 254 * $0 + 1e-6 }, { .logarithm(ofOnePlusNonNegative: $0) }, log1p) < 2e-7)
    #expect(worst(Self.steps.map { exp(-80 * $0) }, { .logarithm(ofOnePlusNonNegative: $0) }, log1p) < 2e-7)
    #expect(SIMD16<Float>.logarithm(ofOnePlusNonNegative: SIMD16()) == SIMD16())
    #expect(SIMD16<Float>.logarithm(ofOnePlusNonNegative: SIMD16(repeating: .nan))[3].isNaN)
  }

  @Test("Sigmoid and softplus are accurate over their whole range.") func sigmoidAndSoftplus() {
    let values = Self.steps.map { 170 * $0 - 85 }
    #expect(worst(values, { .sigmoid($0) }, { 1 / (1 + exp(-$0)) }) < 3e-7)
    #expect(worst(values, { .softplus($0) }, { max($0, 0) + log1p(exp(-abs($0))) }) < 3e-7)
    #expect(sigmoid(0) == 0.5 && sigmoid(200) == 1 && sigmoid(-200) < 2e-38)
  }
}
