// Bias and rectification on rows, the layout of the layers over pool5, and the gradients of both.
//
//   M rows (image, y, x), K columns: [M][K]. K is any number, such as the number of classes in the score layer.

/// Passes over an M x K matrix of activations.
package struct RowBias: Sendable {
  package let rows: Int
  package let columns: Int

  package init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
  }

  /// The number of tasks of `add` and `rectifyGradient`: one per row.
  package var tasks: Int { rows }

  /// Adds the bias to y in place, then takes max(0, y) if rectified. NaN is kept, so that it shows in the loss.
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

  /// Sets dy to 0 in place where the rectified output y is not above 0.
  package func rectifyGradient(_ dy: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, task: Int) {
    let (gradient, values) = (dy + task * columns, y + task * columns)
    for k in 0..<columns where !(values[k] > 0) { gradient[k] = 0 }
  }

  /// The number of columns per task of `sum`.
  private static let block = 256
  package var sumTasks: Int { (columns + Self.block - 1) / Self.block }

  /// Computes the gradient of the bias: the sum of each column from the first row to the last.
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
