// MATLAB's imresize for one plane of real numbers. The authors' inference uses it: bilinear to bring the image to the
// network's input size, bicubic to bring the score maps back.
//
// Along each axis a kernel of width w (2 or 4) is centred at u = (i + 1/2) / scale - 1/2, where scale = new/old. When
// shrinking, it is stretched by 1/scale, so that it averages (antialiasing). The weights are normalized to sum 1.
// Beyond a border the plane is mirrored with the outer value repeated. The axis with the smaller scale is resized
// first.

package enum Imresize {
  package enum Kernel: Sendable {
    case bilinear
    /// The cubic of Keys with a = -1/2.
    case bicubic

    var width: Double { self == .bilinear ? 2 : 4 }

    package func callAsFunction(_ x: Double) -> Double {
      let d = abs(x)
      switch self {
      case .bilinear: return max(0, 1 - d)
      case .bicubic:
        if d <= 1 { return (1.5 * d - 2.5) * d * d + 1 }
        return d <= 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
      }
    }
  }

  /// Returns the plane (height x width values, rows from the top) at its new size. Sums have double precision.
  package static func resize(
    _ plane: [Float], width: Int, height: Int, toWidth: Int, toHeight: Int, kernel: Kernel
  ) -> [Float] {
    resized(plane, width: width, height: height, toWidth: toWidth, toHeight: toHeight, kernel)
  }

  package static func resize(
    _ plane: [Double], width: Int, height: Int, toWidth: Int, toHeight: Int, kernel: Kernel
  ) -> [Double] {
    resized(plane, width: width, height: height, toWidth: toWidth, toHeight: toHeight, kernel)
  }

  @inline(__always)
  private static func resized<Value: BinaryFloatingPoint>(
    _ plane: [Value], width: Int, height: Int, toWidth: Int, toHeight: Int, _ kernel: Kernel
  ) -> [Value] {
    precondition(
      width > 0 && height > 0 && plane.count == width * height, "\(plane.count) values, \(width) x \(height)")
    precondition(toWidth > 0 && toHeight > 0, "cannot resize to \(toWidth) x \(toHeight)")
    let columns = contributions(from: width, to: toWidth, kernel)
    let rows = contributions(from: height, to: toHeight, kernel)
    let rowsFirst = toHeight * width <= toWidth * height
    if rowsFirst {
      return alongRows(alongColumns(plane, width, rows), width, columns)
    }
    return alongColumns(alongRows(plane, width, columns), toWidth, rows)
  }

  /// The source positions and weights of each new position. All have the same number of taps.
  struct Contributions {
    var taps: Int
    var source: [Int]
    var weight: [Double]
    var count: Int { source.count / taps }
  }

  static func contributions(from size: Int, to newSize: Int, _ kernel: Kernel) -> Contributions {
    let scale = Double(newSize) / Double(size)
    let shrink = min(scale, 1)
    let reach = kernel.width / shrink
    let taps = Int(reach.rounded(.up)) + 2
    var result = Contributions(taps: taps, source: [], weight: [])
    for i in 0..<newSize {
      let centre = (Double(i) + 0.5) / scale - 0.5
      let left = Int((centre - reach / 2).rounded(.down))
      let weights = (left..<left + taps).map { shrink * kernel(shrink * (centre - Double($0))) }
      let sum = weights.reduce(0, +)
      result.weight += weights.map { $0 / sum }
      result.source += (left..<left + taps).map { position in
        let phase = ((position % (2 * size)) + 2 * size) % (2 * size)
        return phase < size ? phase : 2 * size - 1 - phase
      }
    }
    return result
  }

  @inline(__always)
  private static func alongColumns<Value: BinaryFloatingPoint>(
    _ plane: [Value], _ width: Int, _ rows: Contributions
  ) -> [Value] {
    var output = [Value](repeating: 0, count: rows.count * width)
    var sums = [Double](repeating: 0, count: width)
    for y in 0..<rows.count {
      for x in 0..<width { sums[x] = 0 }
      for tap in y * rows.taps..<(y + 1) * rows.taps where rows.weight[tap] != 0 {
        let (start, weight) = (rows.source[tap] * width, rows.weight[tap])
        for x in 0..<width { sums[x] += weight * Double(plane[start + x]) }
      }
      for x in 0..<width { output[y * width + x] = Value(sums[x]) }
    }
    return output
  }

  @inline(__always)
  private static func alongRows<Value: BinaryFloatingPoint>(
    _ plane: [Value], _ width: Int, _ columns: Contributions
  ) -> [Value] {
    let height = plane.count / width
    var output = [Value](repeating: 0, count: height * columns.count)
    for y in 0..<height {
      for x in 0..<columns.count {
        var sum = 0.0
        for tap in x * columns.taps..<(x + 1) * columns.taps {
          sum += columns.weight[tap] * Double(plane[y * width + columns.source[tap]])
        }
        output[y * columns.count + x] = Value(sum)
      }
    }
    return output
  }
}
