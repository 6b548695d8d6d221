// Batch normalization against its naive twin, and the twin against finite differences.
import Kernels
import Testing

@Suite struct BatchNormalizationTests {
  static let shapes = [
    Shape(n: 1, c: 16, h: 1, w: 1), Shape(n: 4, c: 16, h: 1, w: 1), Shape(n: 2, c: 32, h: 3, w: 5),
    Shape(n: 3, c: 48, h: 4, w: 4), Shape(n: 1, c: 16, h: 33, w: 32),
    Shape(n: 2, c: 32, h: 50, w: 43),
  ]

  struct Pass {
    var mean: [Float]
    var variance: [Float]
    var y: [Float]
    var dx: [Float]
    var scaleGradient: [Float]
    var shiftGradient: [Float]
  }

  func pass(
    _ shape: Shape, _ x: [Float], _ dy: [Float], scale: [Float], shift: [Float], rectified: Bool
  ) -> Pass {
    let norm = BatchNormalization(
      images: shape.n, channels: shape.c, height: shape.h, width: shape.w, epsilon: 1e-9)
    var workspace = nans(norm.workspaceFloats)
    var result = Pass(
      mean: nans(shape.c), variance: nans(shape.c), y: nans(shape.count), dx: dy, scaleGradient: nans(shape.c),
      shiftGradient: nans(shape.c))
    inOddOrder(norm.statisticsTasks) { norm.gatherStatistics(x, workspace: &workspace, task: $0) }
    norm.combineStatistics(workspace: workspace, mean: &result.mean, variance: &result.variance)
    let (mean, variance) = (result.mean, result.variance)
    inOddOrder(norm.tasks) {
      norm.normalize(
        x, mean: mean, variance: variance, scale: scale, shift: shift, rectified: rectified, into: &result.y, task: $0)
    }
    workspace = nans(norm.workspaceFloats)
    inOddOrder(norm.gradientTasks) {
      norm.gatherGradients(
        x, outputGradient: dy, mean: mean, variance: variance, scale: scale, shift: shift, rectified: rectified,
        workspace: &workspace, task: $0)
    }
    norm.combineGradients(
      workspace: workspace, scaleGradient: &result.scaleGradient, shiftGradient: &result.shiftGradient)
    let (scaleGradient, shiftGradient) = (result.scaleGradient, result.shiftGradient)
    // In place: dx starts as dy.
    result.dx.withUnsafeMutableBufferPointer { dx in
      inOddOrder(norm.tasks) {
        norm.backward(
          x, outputGradient: UnsafePointer(dx.baseAddress!), mean: mean, variance: variance, scale: scale,
          shift: shift, scaleGradient: scaleGradient, shiftGradient: shiftGradient, rectified: rectified,
          into: dx.baseAddress!, task: $0)
      }
    }
    return result
  }

  @Test("Statistics, outputs and gradients agree with the naive twin.", arguments: shapes, [false, true])
  func agreesWithItsTwin(_ shape: Shape, rectified: Bool) {
    var draws = Draws(7)
    let x = draws.floats(shape.count, -3...5)
    let dy = draws.floats(shape.count)
    let scale = draws.floats(shape.c, 0.5...1.5)
    let shift = draws.floats(shape.c)
    let result = pass(shape, x, dy, scale: scale, shift: shift, rectified: rectified)

    let maps = shape.maps(x)
    let truth = NaiveBatchNormalization.statistics(maps)
    #expect(relativeError(result.mean, truth.mean) < 1e-6)
    #expect(relativeError(result.variance, truth.variance) < 1e-6)
    // With one element per channel the deviation is that of epsilon, and x - mean is rounding noise times 3e4.
    guard shape.n * shape.h * shape.w > 1 else { return }
    let y = NaiveBatchNormalization.forward(
      maps, scale: doubles(scale), shift: doubles(shift), epsilon: 1e-9, rectified: rectified)
    #expect(relativeError(result.y, doubles(y.blocked)) < 2e-6)
    let back = NaiveBatchNormalization.backward(
      maps, outputGradient: shape.maps(dy), scale: doubles(scale), shift: doubles(shift), epsilon: 1e-9,
      rectified: rectified)
    #expect(relativeError(result.dx, doubles(back.dx.blocked)) < 2e-5)
    #expect(relativeError(result.scaleGradient, back.scale) < 5e-6)
    #expect(relativeError(result.shiftGradient, back.shift) < 5e-6)
  }

  @Test("The variance does not cancel when the mean is large.") func doesNotCancelBesideALargeMean() {
    // Deviation 1e-3 beside a mean of 100: E[x^2] - E[x]^2 in single precision would be noise.
    let shape = Shape(n: 2, c: 16, h: 40, w: 30)
    var draws = Draws(8)
    let x = draws.floats(shape.count, 99.999...100.001)
    let zeros = [Float](repeating: 0, count: shape.c)
    let result = pass(
      shape, x, draws.floats(shape.count), scale: zeros.map { _ in 1 }, shift: zeros, rectified: false)
    let truth = NaiveBatchNormalization.statistics(shape.maps(x))
    #expect(relativeError(result.variance, truth.variance) < 1e-6)
    #expect(relativeError(result.mean, truth.mean) < 1e-7)
  }

  @Test("Tiny signals are normalized to unit scale.") func bringsTinySignalsToScale() {
    // pool5-bp has variances of 5e-8 to 1e-5: the reason why epsilon is 1e-9.
    let shape = Shape(n: 4, c: 16, h: 10, w: 10)
    var draws = Draws(9)
    let x = draws.floats(shape.count, -4e-4...4e-4)
    let scale = [Float](repeating: 1, count: 16)
    let shift = [Float](repeating: 0.001, count: 16)
    let result = pass(shape, x, draws.floats(shape.count), scale: scale, shift: shift, rectified: false)
    let y = NaiveBatchNormalization.forward(
      shape.maps(x), scale: doubles(scale), shift: doubles(shift), epsilon: 1e-9, rectified: false)
    #expect(relativeError(result.y, doubles(y.blocked)) < 2e-6)
    #expect(abs(NaiveBatchNormalization.statistics(shape.maps(result.y)).variance[0] - 0.98) < 0.02)
  }

  @Test("The naive twin's gradients agree with finite differences.", arguments: [false, true])
  func twinAgreesWithDifferences(rectified: Bool) {
    let shape = Shape(n: 2, c: 16, h: 2, w: 3)
    var draws = Draws(10)
    let x = shape.maps(draws.floats(shape.count))
    let dy = shape.maps(draws.floats(shape.count))
    let scale = doubles(draws.floats(16, 0.5...1.5))
    let shift = doubles(draws.floats(16))
    func loss(_ x: NaiveMaps, _ scale: [Double], _ shift: [Double]) -> Double {
      dot(
        dy.values,
        NaiveBatchNormalization.forward(x, scale: scale, shift: shift, epsilon: 1e-9, rectified: rectified).values)
    }
    let back = NaiveBatchNormalization.backward(
      x, outputGradient: dy, scale: scale, shift: shift, epsilon: 1e-9, rectified: rectified)
    let byX = differences(x.values) { values in
      loss(NaiveMaps(images: 2, channels: 16, height: 2, width: 3, values: values), scale, shift)
    }
    #expect(largestDifference(back.dx.values, byX) < 1e-6)
    #expect(largestDifference(back.scale, differences(scale) { loss(x, $0, shift) }) < 1e-6)
    #expect(largestDifference(back.shift, differences(shift) { loss(x, scale, $0) }) < 1e-6)
  }
}
