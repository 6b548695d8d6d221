// Bias, rectification and column sums on rows against plain loops, for widths on both sides of a block.
import Kernels
import Testing

@Suite struct RowBiasTests {
  static let sizes = [(1, 1), (3, 5), (7, 20), (4, 255), (2, 256), (5, 257), (9, 513), (16, 1024)]

  @Test("The bias is added to each row.", arguments: sizes) func addsTheBiasToEachRow(rows: Int, columns: Int) {
    var draws = Draws(UInt64(rows * 10_000 + columns))
    let y = draws.floats(rows * columns)
    let bias = draws.floats(columns)
    let pass = RowBias(rows: rows, columns: columns)
    for rectified in [false, true] {
      var values = y
      inOddOrder(pass.tasks) { pass.add(bias, rectified: rectified, to: &values, task: $0) }
      let truth = y.indices.map { i -> Float in
        let sum = y[i] + bias[i % columns]
        return rectified ? max(sum, 0) : sum
      }
      #expect(identical(values, truth))
    }
  }

  @Test("The gradient passes where the output is above zero.", arguments: sizes)
  func passesTheGradientWhereTheOutputIsAboveZero(rows: Int, columns: Int) {
    var draws = Draws(UInt64(rows * 10_000 + columns) + 1)
    let y = draws.floats(rows * columns).map { max($0, 0) }
    let gradient = draws.floats(rows * columns)
    let pass = RowBias(rows: rows, columns: columns)
    var values = gradient
    inOddOrder(pass.tasks) { pass.rectifyGradient(&values, output: y, task: $0) }
    #expect(identical(values, gradient.indices.map { y[$0] > 0 ? gradient[$0] : 0 }))
  }

  @Test("Columns are summed from the first row to the last.", arguments: sizes)
  func sumsColumnsFromTheFirstRowToTheLast(rows: Int, columns: Int) {
    var draws = Draws(UInt64(rows * 10_000 + columns) + 2)
    let dy = draws.floats(rows * columns)
    let pass = RowBias(rows: rows, columns: columns)
    var sums = nans(columns)
    inOddOrder(pass.sumTasks) { pass.sum(dy, into: &sums, task: $0) }
    // The reference sums in single precision and in row order, so the bits are equal.
    let truth = (0..<columns).map { k in (0..<rows).reduce(Float(0)) { $0 + dy[$1 * columns + k] } }
    #expect(identical(sums, truth))
  }

  @Test("A NaN passes through the rectification.") func aNaNIsNotHidden() {
    let pass = RowBias(rows: 1, columns: 5)
    var values: [Float] = [.nan, 1, -1, .infinity, -0.0]
    pass.add([0, 0, 0, 0, 0], rectified: true, to: &values, task: 0)
    #expect(values[0].isNaN && values[1...] == [1, 0, .infinity, 0])
  }
}
