// Unfolding and folding against the naive twin, and a convolution made from them.
import Kernels
import Testing

@Suite struct Im2ColTests {
  struct Case: Sendable { let shape: Shape, kernel: Int }

  static let cases = [
    Case(shape: Shape(n: 2, c: 16, h: 3, w: 5), kernel: 1), Case(shape: Shape(n: 2, c: 32, h: 3, w: 5), kernel: 3),
    Case(shape: Shape(n: 1, c: 16, h: 2, w: 2), kernel: 2), Case(shape: Shape(n: 4, c: 48, h: 10, w: 10), kernel: 7),
    Case(shape: Shape(n: 3, c: 16, h: 20, w: 17), kernel: 1), Case(shape: Shape(n: 1, c: 32, h: 6, w: 4), kernel: 2),
  ]

  @Test("Unfolding and folding agree with the naive twin and are adjoint.", arguments: cases) func agreesWithItsTwin(
    _ test: Case
  ) {
    let (shape, kernel) = (test.shape, test.kernel)
    let unfolding = Im2Col(
      images: shape.n, channels: shape.c, height: shape.h, width: shape.w, kernel: kernel)
    var draws = Draws(11)
    let x = draws.floats(shape.count)
    var rows = nans(unfolding.rows * unfolding.columns)
    inOddOrder(unfolding.tasks) { unfolding.unfold(x, into: &rows, task: $0) }
    let truth = NaiveIm2Col.unfold(shape.maps(x), kernel: kernel)
    #expect(largestDifference(doubles(rows), truth) == 0)

    let values = draws.floats(rows.count)
    var maps = nans(shape.count)
    inOddOrder(unfolding.foldTasks) { unfolding.fold(values, into: &maps, task: $0) }
    let folded = NaiveIm2Col.fold(
      doubles(values), images: shape.n, channels: shape.c, height: shape.h, width: shape.w, kernel: kernel)
    #expect(relativeError(maps, doubles(folded.blocked)) < 1e-6)
    // Folding the rows of some windows equals folding all rows with zeros for the others.
    let windows = (0..<unfolding.rows).filter { ($0 * 7 + 2) % 3 == 0 }
    let width = unfolding.columns
    var sparse = [Float](repeating: 0, count: values.count)
    for window in windows { for c in 0..<width { sparse[window * width + c] = values[window * width + c] } }
    let chosen = windows.flatMap { Array(values[$0 * width..<($0 + 1) * width]) }
    var fewer = nans(shape.count)
    inOddOrder(unfolding.foldTasks) { unfolding.fold(sparse, into: &maps, task: $0) }
    inOddOrder(unfolding.foldTasks) { unfolding.fold(chosen, ofWindows: windows, into: &fewer, task: $0) }
    #expect(identical(fewer, maps))
    // Adjoint: <unfold x, r> = <x, fold r>.
    #expect(abs(dot(truth, doubles(values)) - dot(shape.maps(x).values, folded.values)) < 1e-9)
  }

  @Test("Unfolded rows times plain weights are the convolution.") func rowsTimesPlainWeightsAreTheConvolution() {
    let (shape, kernel, outputs) = (Shape(n: 2, c: 16, h: 5, w: 4), 3, 32)
    let unfolding = Im2Col(images: 2, channels: 16, height: 5, width: 4, kernel: kernel)
    var draws = Draws(13)
    let x = draws.floats(shape.count)
    let weights = draws.floats(outputs * 16 * kernel * kernel)
    var rows = nans(unfolding.rows * unfolding.columns)
    for task in 0..<unfolding.tasks { unfolding.unfold(x, into: &rows, task: task) }
    let product = MatrixProduct(
      rows: unfolding.rows, columns: outputs, inner: unfolding.columns, rightTransposed: true)
    var results = nans(unfolding.rows * outputs)
    for task in 0..<product.tasks { product.multiply(rows, weights, into: &results, task: task) }
    let maps = shape.maps(x)
    let truth = NaiveMaps(images: 2, channels: outputs, height: 3, width: 2).like { n, k, y, column in
      var sum = 0.0
      for c in 0..<16 {
        for ky in 0..<3 {
          for kx in 0..<3 {
            sum += Double(weights[((k * 16 + c) * 3 + ky) * 3 + kx]) * maps[n, c, y + ky, column + kx]
          }
        }
      }
      return sum
    }
    let layout = BlockedLayout(images: 2, channels: outputs, height: 3, width: 2)
    var y = nans(results.count)
    for task in 0..<layout.tasks { layout.toMaps(results, bias: nil, rectified: false, into: &y, task: task) }
    #expect(relativeError(y, doubles(truth.blocked)) < 1e-6)
  }
}
