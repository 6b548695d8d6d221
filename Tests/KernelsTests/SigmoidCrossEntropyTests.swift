// The classification loss against its naive twin and finite differences.
import Kernels
import Testing

@Suite struct SigmoidCrossEntropyTests {
  @Test("The loss and its gradient agree with the naive twin and finite differences.")
  func agreesWithItsTwinAndDifferences() {
    var draws = Draws(52)
    let scores = draws.floats(60, -8...8)
    let labels = (0..<60).map { _ in Float(draws.next() % 2) }
    let layer = SigmoidCrossEntropy(images: 3, classes: 20)
    let truth = NaiveSigmoidCrossEntropy.loss(doubles(scores), labels: doubles(labels), images: 3)
    #expect(relativeError([layer.loss(scores: scores, labels: labels)], [truth]) < 1e-6)
    var gradient = nans(60)
    layer.gradient(scores: scores, labels: labels, into: &gradient)
    let twin = NaiveSigmoidCrossEntropy.gradient(doubles(scores), labels: doubles(labels), images: 3)
    #expect(relativeError(gradient, twin) < 1e-6)
    let byScores = differences(doubles(scores)) {
      NaiveSigmoidCrossEntropy.loss($0, labels: doubles(labels), images: 3)
    }
    #expect(largestDifference(twin, byScores) < 1e-8)
  }

  @Test("Large scores give finite losses and gradients.") func largeScoresStayFinite() {
    let layer = SigmoidCrossEntropy(images: 1, classes: 4)
    #expect(layer.loss(scores: [500, -500, 500, -500], labels: [0, 1, 1, 0]) == 1000)
    var gradient = nans(4)
    layer.gradient(scores: [500, -500, 500, -500], labels: [0, 1, 1, 0], into: &gradient)
    #expect(relativeError(gradient, [1, -1, 0, 0]) < 1e-7)
  }
}
