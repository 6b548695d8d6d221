// The binary softmax loss against its naive twin, with ignored pixels, ties, extremes and no counted pixel at all.
import Kernels
import Testing

@Suite struct BinarySoftmaxLossTests {
  struct Pass {
    let loss: Float
    let pixels: Int
    let correct: Int
    let gradient: [Float]
  }

  func pass(_ shape: Shape, _ scores: [Float], _ mask: [UInt8]) -> Pass {
    let layer = BinarySoftmaxLoss(images: shape.n, height: shape.h, width: shape.w)
    var workspace = nans(layer.workspaceFloats)
    inOddOrder(layer.tasks) { layer.forward(scores: scores, mask: mask, workspace: &workspace, task: $0) }
    let (loss, pixels, correct) = layer.combine(workspace: workspace)
    var gradient = nans(scores.count)
    inOddOrder(layer.tasks) {
      layer.backward(scores: scores, mask: mask, pixels: pixels, into: &gradient, task: $0)
    }
    return Pass(loss: loss, pixels: pixels, correct: correct, gradient: gradient)
  }

  func maps(_ shape: Shape, _ scores: [Float]) -> NaiveMaps {
    NaiveMaps(images: shape.n, channels: 2, height: shape.h, width: shape.w, values: doubles(scores))
  }

  @Test(
    "The loss, the counts, the gradient and the probabilities agree with the naive twin.",
    arguments: [
      Shape(n: 1, c: 2, h: 1, w: 1), Shape(n: 2, c: 2, h: 3, w: 5), Shape(n: 1, c: 2, h: 4, w: 4),
      Shape(n: 3, c: 2, h: 70, w: 61),
    ], [0.01, 4.0, 60.0])
  func agreesWithItsTwin(_ shape: Shape, range: Double) {
    var draws = Draws(41)
    let scores = draws.floats(shape.count, -range...range)
    // The first pixel is wrong, so that the loss is not of the size of the twin's own rounding.
    let wrong: UInt8 = scores[0] > scores[shape.h * shape.w] ? 1 : 0
    let mask = (0..<shape.n * shape.h * shape.w).map { $0 == 0 ? wrong : [0, 1, 255][Int(draws.next() % 3)] }
    let result = pass(shape, scores, mask)
    let truth = NaiveBinarySoftmaxLoss.forward(maps(shape, scores), mask: mask)
    #expect(relativeError([result.loss], [truth.loss]) < 1e-6)
    #expect(result.pixels == truth.pixels)
    #expect(result.correct == truth.correct)
    let gradient = NaiveBinarySoftmaxLoss.backward(maps(shape, scores), mask: mask)
    #expect(relativeError(result.gradient, gradient.values) < 1e-6)

    let layer = BinarySoftmaxLoss(images: shape.n, height: shape.h, width: shape.w)
    var probabilities = nans(scores.count)
    inOddOrder(layer.tasks) { layer.softmaxPlanes(scores, into: &probabilities, task: $0) }
    #expect(
      relativeError(probabilities, NaiveBinarySoftmaxLoss.probabilities(maps(shape, scores)).values) < 5e-7)
  }

  @Test("A shard without counted pixels has neither loss nor gradient.") func nothingKnownIsNoLossAndNoGradient() {
    let shape = Shape(n: 2, c: 2, h: 3, w: 3)
    var draws = Draws(42)
    let result = pass(shape, draws.floats(shape.count), Array(repeating: 255, count: 18))
    #expect(result.loss == 0 && result.pixels == 0 && result.correct == 0)
    #expect(result.gradient.allSatisfy { $0 == 0 })
  }

  @Test("A certain mistake costs the clamp, and a tie goes to the foreground.") func certainMistakesCostAtMostTheClamp()
  {
    // Certain background where foreground is true, the reverse, and a tie, which goes to the foreground.
    let shape = Shape(n: 1, c: 2, h: 1, w: 3)
    let result = pass(shape, [1e4, -1e4, 2, -1e4, 1e4, 2], [1, 0, 1])
    let truth = NaiveBinarySoftmaxLoss.forward(maps(shape, [1e4, -1e4, 2, -1e4, 1e4, 2]), mask: [1, 0, 1])
    #expect(relativeError([result.loss], [truth.loss]) < 1e-6)
    #expect(result.correct == 1)
    #expect(relativeError(result.gradient, [1, -1, 0.5, -1, 1, -0.5].map { $0 / 3 }) < 1e-6)
  }

  @Test("A NaN score makes the loss NaN.") func brokenScoresShowInTheLoss() {
    #expect(pass(Shape(n: 1, c: 2, h: 1, w: 2), [0, .nan, 0, 0], [0, 1]).loss.isNaN)
  }

  @Test("The naive twin's gradient agrees with finite differences.") func twinAgreesWithDifferences() {
    let shape = Shape(n: 2, c: 2, h: 3, w: 4)
    var draws = Draws(43)
    let scores = maps(shape, draws.floats(shape.count, -2...2))
    let mask = (0..<24).map { [UInt8(0), 1, 255][$0 % 3] }
    let byScores = differences(scores.values) {
      NaiveBinarySoftmaxLoss.forward(
        NaiveMaps(images: 2, channels: 2, height: 3, width: 4, values: $0), mask: mask
      ).loss
    }
    #expect(largestDifference(NaiveBinarySoftmaxLoss.backward(scores, mask: mask).values, byScores) < 1e-8)
  }
}
