// The softmax loss over any number of classes against its naive twin, finite differences and the binary loss.
import Kernels
import Testing

@Suite struct SoftmaxLossTests {
  struct Pass {
    let loss: Float
    let pixels: Int
    let correct: Int
    let gradient: [Float]
  }

  func pass(_ shape: Shape, _ scores: [Float], _ mask: [UInt8]) -> Pass {
    let layer = SoftmaxLoss(images: shape.n, classes: shape.c, height: shape.h, width: shape.w)
    var workspace = nans(layer.workspaceFloats)
    inOddOrder(layer.tasks) { layer.forward(scores: scores, mask: mask, workspace: &workspace, task: $0) }
    let (loss, pixels, correct) = layer.combine(workspace: workspace)
    var gradient = nans(scores.count)
    inOddOrder(layer.tasks) {
      layer.backward(scores: scores, mask: mask, pixels: pixels, into: &gradient, task: $0)
    }
    return Pass(loss: loss, pixels: pixels, correct: correct, gradient: gradient)
  }

  func maps(_ shape: Shape, _ scores: [Double]) -> NaiveMaps {
    NaiveMaps(images: shape.n, channels: shape.c, height: shape.h, width: shape.w, values: scores)
  }

  /// Classes below `shape.c`, with every fourth or so ignored.
  func mask(_ shape: Shape, _ draws: inout Draws) -> [UInt8] {
    (0..<shape.n * shape.h * shape.w).map { _ in
      draws.next() % 4 == 0 ? 255 : UInt8(draws.next() % UInt64(shape.c))
    }
  }

  @Test(
    "The loss, the counts and the gradient agree with the naive twin.",
    arguments: [
      Shape(n: 1, c: 2, h: 1, w: 1), Shape(n: 2, c: 3, h: 3, w: 5), Shape(n: 1, c: 21, h: 4, w: 4),
      Shape(n: 2, c: 255, h: 3, w: 7), Shape(n: 3, c: 5, h: 70, w: 61),
    ],
    [0.01, 4.0, 60.0])
  func agreesWithItsTwin(_ shape: Shape, range: Double) {
    var draws = Draws(71)
    let scores = draws.floats(shape.count, -range...range)
    var mask = mask(shape, &draws)
    // The first pixel is wrong, so that the loss is not of the size of the twin's own rounding.
    mask[0] = scores[0] > scores[shape.h * shape.w] ? 1 : 0
    let result = pass(shape, scores, mask)
    let truth = NaiveSoftmaxLoss.forward(maps(shape, doubles(scores)), mask: mask)
    #expect(relativeError([result.loss], [truth.loss]) < 1e-6)
    #expect(result.pixels == truth.pixels)
    #expect(result.correct == truth.correct)
    let gradient = NaiveSoftmaxLoss.backward(maps(shape, doubles(scores)), mask: mask)
    #expect(relativeError(result.gradient, gradient.values) < 2e-6)
  }

  @Test("The naive twin's gradient agrees with finite differences.") func twinAgreesWithDifferences() {
    let shape = Shape(n: 2, c: 4, h: 3, w: 4)
    var draws = Draws(72)
    let scores = maps(shape, doubles(draws.floats(shape.count, -2...2)))
    let mask = mask(shape, &draws)
    let byScores = differences(scores.values) { NaiveSoftmaxLoss.forward(maps(shape, $0), mask: mask).loss }
    #expect(largestDifference(NaiveSoftmaxLoss.backward(scores, mask: mask).values, byScores) < 1e-8)
  }

  @Test("Two classes give the binary loss.") func agreesWithTheBinaryLoss() {
    let shape = Shape(n: 2, c: 2, h: 9, w: 11)
    var draws = Draws(73)
    let scores = draws.floats(shape.count, -5...5)
    let mask = mask(shape, &draws)
    let result = pass(shape, scores, mask)
    let binary = BinarySoftmaxLossTests().pass(shape, scores, mask)
    #expect(relativeError([result.loss], [Double(binary.loss)]) < 1e-6)
    #expect(result.pixels == binary.pixels && result.correct == binary.correct)
    #expect(relativeError(result.gradient, doubles(binary.gradient)) < 1e-6)
  }

  @Test("A shard without counted pixels has neither loss nor gradient.") func nothingCounted() {
    let shape = Shape(n: 2, c: 3, h: 3, w: 3)
    var draws = Draws(74)
    let result = pass(shape, draws.floats(shape.count), Array(repeating: 255, count: 18))
    #expect(result.loss == 0 && result.pixels == 0 && result.correct == 0)
    #expect(result.gradient.allSatisfy { $0 == 0 })
  }

  @Test("A certain mistake costs the clamp, and a tie goes to the lower class.") func clampAndTies() {
    // Pixel 0: class 2 is certain, class 0 is right. Pixels 1 and 2: all classes tie, class 0 and then 1 are right.
    let scores: [Float] = [-1e4, 2, 2, 0, 2, 2, 1e4, 2, 2]
    let mask: [UInt8] = [0, 0, 1]
    let result = pass(Shape(n: 1, c: 3, h: 1, w: 3), scores, mask)
    let truth = NaiveSoftmaxLoss.forward(maps(Shape(n: 1, c: 3, h: 1, w: 3), doubles(scores)), mask: mask)
    #expect(relativeError([result.loss], [truth.loss]) < 1e-6)
    #expect(result.correct == 1 && truth.correct == 1)
    let thirds: [Double] = [-3, -2, 1, 0, 1, -2, 3, 1, 1]
    #expect(relativeError(result.gradient, thirds.map { $0 / 9 }) < 1e-6)
  }

  @Test("A small loss and its gradient keep their relative accuracy.") func smallLoss() {
    let result = pass(Shape(n: 1, c: 3, h: 1, w: 1), [30, 0, -1], [0])
    let truth = NaiveMaps(images: 1, channels: 3, height: 1, width: 1, values: [30, 0, -1])
    let others = NaiveSoftmaxLoss.probabilities(truth).values
    #expect(relativeError([result.loss], [others[1] + others[2]]) < 1e-6)
    #expect(relativeError([result.gradient[0]], [-(others[1] + others[2])]) < 1e-6)
  }

  @Test("NaN scores and class indices outside the range make the loss NaN.") func brokenInputs() {
    for index in 0..<3 {
      var scores = [Float](repeating: 0, count: 6)
      scores[index * 2] = .nan
      #expect(pass(Shape(n: 1, c: 3, h: 1, w: 2), scores, [0, 1]).loss.isNaN)
      #expect(pass(Shape(n: 1, c: 3, h: 1, w: 2), scores, [255, 1]).loss.isFinite)
    }
    #expect(pass(Shape(n: 1, c: 3, h: 1, w: 2), [0, 0, 0, 0, 0, 0], [3, 0]).loss.isNaN)
  }
}
