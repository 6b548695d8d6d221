// Tables of aligned columns for terminals and logs.

package enum TextTable {
  package enum Alignment: Sendable { case left, right }

  /// Returns the rows as lines with two spaces between columns and none at a line's end. A row may have fewer cells
  /// than others.
  ///
  /// - Parameters:
  ///   - columns: the alignment of each column; the last one also holds for the columns after it.
  ///   - indent: the number of spaces before each line.
  package static func lines(
    _ rows: [[String]], columns: [Alignment] = [.left, .right], indent: Int = 0
  ) -> [String] {
    precondition(!columns.isEmpty, "a table needs the alignment of its first column")
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return columns[min(column, columns.count - 1)] == .left ? cell + padding : padding + cell
      }
      var line = String(repeating: " ", count: indent) + cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
