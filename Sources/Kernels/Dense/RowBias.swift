// Bias and ReLU on rows, the layout of the layers over pool5.
//
//   M rows (image, y, x), K columns: [M][K], row after row. K is any number: the score layer has as many as classes.

/// Elementwise passes over an M x K matrix of activations.
package struct RowBias: Sendable {
  package let rows: Int
  package let columns: Int

  package init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
  }

  /// One task a row for `add` and `rectifyGradient`.
  package var tasks: Int { rows }

  /// y += bias, then max(0, y) if rectified; in place. A NaN stays one, so that the loss shows it.
  package func add(_ bias: UnsafePointer<Float>, rectified: Bool, to y: UnsafeMutablePointer<Float>, task: Int) {
    let row = y + task * columns
    if rectified {
      for k in 0..<columns {
        let value = row[k] + bias[k]
        row[k] = value <= 0 ? 0 : value
      }
    } else {
      for k in 0..<columns { row[k] += bias[k] }
    }
  }

  /// dy = 0 where the layer's rectified output y is not above 0; in place.
  package func rectifyGradient(_ dy: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, task: Int) {
    let (gradient, values) = (dy + task * columns, y + task * columns)
    for k in 0..<columns where !(values[k] > 0) { gradient[k] = 0 }
  }

  /// Columns a task of `sum` takes.
  private static let block = 256
  package var sumTasks: Int { (columns + Self.block - 1) / Self.block }

  /// The bias's gradient: each column summed from the first row to the last.
  package func sum(_ dy: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>, task: Int) {
    let first = task * Self.block
    let end = min(first + Self.block, columns)
    for k in first..<end { sums[k] = 0 }
    for row in 0..<rows {
      let values = dy + row * columns
      for k in first..<end { sums[k] += values[k] }
    }
  }
}
