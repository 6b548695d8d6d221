// Score pooling and the classification loss against their twins.
import Kernels
import Testing

@Suite struct ScorePoolingTests {
  @Test(arguments: [(1, 1, 1, 1), (2, 3, 4, 5), (4, 4, 4, 20)])
  func agreesWithItsTwin(_ n: Int, _ h: Int, _ w: Int, _ classes: Int) {
    let pooling = ScorePooling(images: n, height: h, width: w, classes: classes)
    var draws = Draws(51)
    let rows = draws.floats(n * h * w * classes, -4...4).map { $0.rounded() }
    var averages = nans(n * classes)
    var maxima = nans(n * classes)
    var winners = [Int32](repeating: -1, count: n * classes)
    pooling.average(rows, into: &averages)
    pooling.maximum(rows, into: &maxima, positions: &winners)
    let truth = NaiveScorePooling.pool(doubles(rows), images: n, positions: h * w, classes: classes)
    #expect(relativeError(averages, truth.averages) < 1e-7)
    #expect(doubles(maxima) == truth.maxima)
    #expect(winners.map(Int.init) == truth.winners)

    let gradient = draws.floats(n * classes)
    var back = nans(rows.count)
    pooling.averageBackward(gradient, into: &back)
    let byRows = differences(doubles(rows)) {
      dot(
        doubles(gradient),
        NaiveScorePooling.pool($0, images: n, positions: h * w, classes: classes).averages)
    }
    #expect(relativeError(back, byRows) < 1e-6)
  }
}

@Suite struct SigmoidCrossEntropyTests {
  @Test func agreesWithItsTwinAndDifferences() {
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

  @Test func largeScoresStayFinite() {
    let layer = SigmoidCrossEntropy(images: 1, classes: 4)
    #expect(layer.loss(scores: [500, -500, 500, -500], labels: [0, 1, 1, 0]) == 1000)
    var gradient = nans(4)
    layer.gradient(scores: [500, -500, 500, -500], labels: [0, 1, 1, 0], into: &gradient)
    #expect(relativeError(gradient, [1, -1, 0, 0]) < 1e-7)
  }
}
