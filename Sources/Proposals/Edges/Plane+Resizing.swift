// The resizing of float planes for structured forests: cv::resize with INTER_AREA where both sides shrink, otherwise
// with INTER_LINEAR.

extension Plane {
  package func resized(width newWidth: Int, height newHeight: Int) -> Plane {
    if newWidth == width && newHeight == height { return self }
    let byArea = newWidth < width && newHeight < height
    let columns = byArea ? ResizingTaps.area(width, newWidth) : ResizingTaps.linear(width, newWidth)
    let rows = byArea ? ResizingTaps.area(height, newHeight) : ResizingTaps.linear(height, newHeight)
    let middle = Plane(width: newWidth, height: height)
    for y in 0..<height {
      let (source, target) = (row(y), middle.row(y))
      for (x, taps) in columns.enumerated() {
        var sum: Float = 0
        for (i, weight) in taps.weights.enumerated() { sum += weight * source[taps.first + i] }
        target[x] = sum
      }
    }
    let output = Plane(width: newWidth, height: newHeight)
    for (y, taps) in rows.enumerated() {
      let target = output.row(y)
      for (i, weight) in taps.weights.enumerated() {
        let source = middle.row(taps.first + i)
        for x in 0..<newWidth { target[x] += weight * source[x] }
      }
    }
    return output
  }
}

/// Neighbouring source positions and their weights.
private struct ResizingTaps {
  var first: Int
  var weights: [Float]

  /// Weights each source pixel by its part in the new one, ignoring less than a thousandth of a pixel.
  static func area(_ size: Int, _ newSize: Int) -> [ResizingTaps] {
    let scale = Double(size) / Double(newSize)
    return (0..<newSize).map { i in
      let start = Double(i) * scale
      let end = start + scale
      let whole = min(scale, Double(size) - start)
      let last = min(Int(end.rounded(.down)), size - 1)
      let first = min(Int(start.rounded(.up)), last)
      var taps = ResizingTaps(first: first, weights: [])
      if Double(first) - start > 1e-3 {
        taps.first = first - 1
        taps.weights.append(Float((Double(first) - start) / whole))
      }
      taps.weights += [Float](repeating: Float(1 / whole), count: last - first)
      if end - Double(last) > 1e-3 { taps.weights.append(Float(min(min(end - Double(last), 1), whole) / whole)) }
      return taps
    }
  }

  /// Interpolates between half-pixel centres. The outer pixels repeat.
  static func linear(_ size: Int, _ newSize: Int) -> [ResizingTaps] {
    let scale = Double(size) / Double(newSize)
    return (0..<newSize).map { i in
      let position = Float((Double(i) + 0.5) * scale - 0.5)
      let first = Int(position.rounded(.down))
      if first < 0 { return ResizingTaps(first: 0, weights: [1]) }
      if first >= size - 1 { return ResizingTaps(first: size - 1, weights: [1]) }
      let fraction = position - Float(first)
      return ResizingTaps(first: first, weights: [1 - fraction, fraction])
    }
  }
}
