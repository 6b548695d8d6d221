// Score pooling against its naive twin.
import Kernels
import Testing

@Suite struct ScorePoolingTests {
  @Test(
    "Averages, maxima, their positions and the gradient agree with the naive twin.",
    arguments: [(1, 1, 1, 1), (2, 3, 4, 5), (4, 4, 4, 20)])
  func agreesWithItsTwin(n: Int, h: Int, w: Int, classes: Int) {
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
