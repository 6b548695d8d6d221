// The score layer and its gradients against the naive twin, and the twin against finite differences.
import Kernels
import Testing

@Suite struct PointwiseScoreTests {
  static let shapes = [
    Shape(n: 1, c: 16, h: 1, w: 1), Shape(n: 2, c: 64, h: 5, w: 7), Shape(n: 3, c: 32, h: 30, w: 31),
  ]

  func planes(_ shape: Shape, _ values: [Float]) -> NaiveMaps {
    NaiveMaps(images: shape.n, channels: 2, height: shape.h, width: shape.w, values: doubles(values))
  }

  @Test("Scores and gradients agree with the naive twin.", arguments: shapes) func agreesWithItsTwin(_ shape: Shape) {
    let layer = PointwiseScore(images: shape.n, channels: shape.c, height: shape.h, width: shape.w)
    var draws = Draws(31)
    let x = draws.floats(shape.count)
    let weights = draws.floats(2 * shape.c)
    let bias = draws.floats(2)
    var scores = nans(shape.n * 2 * shape.h * shape.w)
    inOddOrder(layer.tasks) { layer.apply(x, weights: weights, bias: bias, into: &scores, task: $0) }
    let maps = shape.maps(x)
    let truth = NaivePointwiseScore.apply(maps, weights: doubles(weights), bias: doubles(bias))
    #expect(relativeError(scores, truth.values) < 1e-6)

    let scoreGradient = draws.floats(scores.count)
    let back = NaivePointwiseScore.backward(
      maps, scoreGradient: planes(shape, scoreGradient), weights: doubles(weights))
    var dx = nans(shape.count)
    inOddOrder(layer.tasks) {
      layer.dataGradient(scoreGradient: scoreGradient, weights: weights, into: &dx, task: $0)
    }
    #expect(relativeError(dx, doubles(back.dx.blocked)) < 1e-6)
    var workspace = nans(layer.workspaceFloats)
    inOddOrder(layer.tasks) {
      layer.gatherWeightGradient(x, scoreGradient: scoreGradient, workspace: &workspace, task: $0)
    }
    var weightGradient = nans(2 * shape.c)
    var biasGradient = nans(2)
    layer.combineWeightGradient(
      workspace: workspace, weightGradient: &weightGradient, biasGradient: &biasGradient)
    #expect(relativeError(weightGradient, back.weights) < 2e-6)
    #expect(relativeError(biasGradient, back.bias) < 2e-6)
  }

  @Test("The naive twin's gradients agree with finite differences.") func twinAgreesWithDifferences() {
    let shape = Shape(n: 2, c: 16, h: 2, w: 3)
    var draws = Draws(32)
    let x = shape.maps(draws.floats(shape.count))
    let weights = doubles(draws.floats(32))
    let bias = doubles(draws.floats(2))
    let gradient = planes(shape, draws.floats(24))
    func loss(_ x: NaiveMaps, _ weights: [Double], _ bias: [Double]) -> Double {
      dot(gradient.values, NaivePointwiseScore.apply(x, weights: weights, bias: bias).values)
    }
    let back = NaivePointwiseScore.backward(x, scoreGradient: gradient, weights: weights)
    let byX = differences(x.values) {
      loss(NaiveMaps(images: 2, channels: 16, height: 2, width: 3, values: $0), weights, bias)
    }
    #expect(largestDifference(back.dx.values, byX) < 1e-7)
    #expect(largestDifference(back.weights, differences(weights) { loss(x, $0, bias) }) < 1e-7)
    #expect(largestDifference(back.bias, differences(bias) { loss(x, weights, $0) }) < 1e-7)
  }
}
