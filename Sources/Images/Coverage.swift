// The share, 0...1, of each pixel that a shape covers, for the part of its bounding box inside an image.

package struct Coverage: Sendable {
  package let columns: Range<Int>
  package let rows: Range<Int>
  package var values: [Float]

  package var isEmpty: Bool { values.isEmpty }

  /// With antialiasing, four lines per pixel row with exact ends are summed. Otherwise a pixel's centre decides.
  package init(_ shape: Shape, width: Int, height: Int, antialiased: Bool = true) {
    let bounds = shape.bounds
    let clamp = { (v: Double, high: Int) in v.isFinite ? Int(max(0, min(Double(high), v))) : 0 }
    columns = clamp(bounds.left, width)..<max(clamp(bounds.left, width), clamp(bounds.right + 1, width))
    rows = clamp(bounds.top, height)..<max(clamp(bounds.top, height), clamp(bounds.bottom + 1, height))
    values = [Float](repeating: 0, count: columns.count * rows.count)
    guard !values.isEmpty else { return }
    var edges: [(a: Point, b: Point)] = []
    for contour in shape.contours where contour.count > 2 {
      for i in contour.indices { edges.append((contour[i], contour[(i + 1) % contour.count])) }
    }
    let lines = antialiased ? 4 : 1
    var crossings: [Double] = []
    for line in 0..<rows.count * lines {
      let y = Double(rows.lowerBound) + (Double(line) + 0.5) / Double(lines)
      crossings.removeAll(keepingCapacity: true)
      for (a, b) in edges where (a.y <= y) != (b.y <= y) {
        crossings.append(a.x + (y - a.y) * (b.x - a.x) / (b.y - a.y) - Double(columns.lowerBound))
      }
      crossings.sort()
      for i in stride(from: 0, to: crossings.count - 1, by: 2) {
        let start = max(0, min(Double(columns.count), crossings[i]))
        let end = max(0, min(Double(columns.count), crossings[i + 1]))
        let row = line / lines * columns.count
        if antialiased { add(start, end, row: row) } else { set(start, end, row: row) }
      }
    }
  }

  private mutating func add(_ start: Double, _ end: Double, row: Int) {
    let (first, last) = (Int(start), Int(end))
    if first == last {
      if first < columns.count { values[row + first] += Float(end - start) / 4 }
      return
    }
    values[row + first] += Float(Double(first + 1) - start) / 4
    for i in first + 1..<max(first + 1, last) { values[row + i] += 0.25 }
    if last < columns.count { values[row + last] += Float(end - Double(last)) / 4 }
  }

  private mutating func set(_ start: Double, _ end: Double, row: Int) {
    let first = Int((start - 0.5).rounded(.up))
    let last = Int((end - 0.5).rounded(.up))
    for i in first..<max(first, min(last, columns.count)) { values[row + i] = 1 }
  }
}
