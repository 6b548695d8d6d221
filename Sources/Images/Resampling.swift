// OpenCV's cv::resize for training images and masks, equal to the bit. (Imresize.swift has MATLAB's, for inference.)
//
// Goals in order: equality with OpenCV (checked against its own output), speed.

extension RGBImage {
  /// Resizes like cv::resize with INTER_LINEAR on 8 bits: half-pixel centres, edges repeated, weights of 11 bits, no
  /// antialiasing. The bytes equal OpenCV's except at exactly half the size both ways, where OpenCV averages areas.
  package func resizedBilinear(width newWidth: Int, height newHeight: Int) -> RGBImage {
    precondition(newWidth > 0 && newHeight > 0, "cannot resize to \(newWidth) x \(newHeight)")
    let columns = BilinearTap.row(from: width, to: newWidth)
    let rows = BilinearTap.column(from: height, to: newHeight)
    let count = newWidth * 3
    let output = [UInt8](unsafeUninitializedCapacity: newHeight * count) { output, initialized in
      // The two source rows in use, stretched to the new width, in units of 1/2048. A row is kept while it is needed.
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { stretched in
        var held = (-1, -1)
        for (y, tap) in rows.enumerated() {
          if held.0 != tap.first {
            if held.1 == tap.first {
              for i in 0..<count { stretched[i] = stretched[count + i] }
            } else {
              stretch(row: tap.first, columns, into: UnsafeMutableBufferPointer(rebasing: stretched[0..<count]))
            }
            held.0 = tap.first
          }
          if held.1 != tap.second {
            stretch(row: tap.second, columns, into: UnsafeMutableBufferPointer(rebasing: stretched[count...]))
            held.1 = tap.second
          }
          let (a, b) = (tap.firstWeight, tap.secondWeight)
          for i in 0..<count {
            let upper = (a &* (stretched[i] >> 4)) >> 16
            let lower = (b &* (stretched[count + i] >> 4)) >> 16
            output[y * count + i] = UInt8(truncatingIfNeeded: max(0, min(255, (upper &+ lower &+ 2) >> 2)))
          }
        }
      }
      initialized = newHeight * count
    }
    return RGBImage(width: newWidth, height: newHeight, pixels: output)
  }

  private func stretch(row: Int, _ columns: [BilinearTap], into output: UnsafeMutableBufferPointer<Int32>) {
    pixels.withUnsafeBufferPointer { pixels in
      let start = row * width * 3
      for (x, tap) in columns.enumerated() {
        let (p, q) = (start + 3 * tap.first, start + 3 * tap.second)
        for c in 0..<3 {
          output[3 * x + c] = Int32(pixels[p + c]) &* tap.firstWeight &+ Int32(pixels[q + c]) &* tap.secondWeight
        }
      }
    }
  }
}

/// Two source positions and their weights in units of 1/2048.
private struct BilinearTap {
  var first, second: Int
  var firstWeight, secondWeight: Int32

  /// Taps along a row. Beyond the outer pixel centres the outer pixel has all the weight.
  static func row(from size: Int, to newSize: Int) -> [BilinearTap] {
    taps(from: size, to: newSize).map { first, fraction in
      if first < 0 { return BilinearTap(first: 0, second: 0, fraction: 0) }
      if first >= size - 1 { return BilinearTap(first: size - 1, second: size - 1, fraction: 0) }
      return BilinearTap(first: first, second: first + 1, fraction: fraction)
    }
  }

  /// Taps along a column. There OpenCV repeats the outer row and keeps both weights, so the rounding differs from
  /// `row`.
  static func column(from size: Int, to newSize: Int) -> [BilinearTap] {
    taps(from: size, to: newSize).map { first, fraction in
      BilinearTap(first: max(0, min(size - 1, first)), second: max(0, min(size - 1, first + 1)), fraction: fraction)
    }
  }

  /// The pixel centre before each new centre, and the distance between the two in single precision, as in OpenCV.
  private static func taps(from size: Int, to newSize: Int) -> [(Int, Float)] {
    let scale = 1 / (Double(newSize) / Double(size))
    return (0..<newSize).map { i in
      let position = Float((Double(i) + 0.5) * scale - 0.5)
      let first = position.rounded(.down)
      return (Int(first), position - first)
    }
  }

  private init(first: Int, second: Int, fraction: Float) {
    self.first = first
    self.second = second
    firstWeight = Int32(((1 - fraction) * 2048).rounded(.toNearestOrEven))
    secondWeight = Int32((fraction * 2048).rounded(.toNearestOrEven))
  }
}

extension IndexImage {
  /// Resizes like cv::resize with INTER_NEAREST: source = floor(i * (1 / (new / old))), without a half-pixel shift.
  package func resizedNearest(width newWidth: Int, height newHeight: Int) -> IndexImage {
    precondition(newWidth > 0 && newHeight > 0, "cannot resize to \(newWidth) x \(newHeight)")
    let columns = Self.nearest(from: width, to: newWidth)
    let rows = Self.nearest(from: height, to: newHeight)
    let output = [UInt8](unsafeUninitializedCapacity: newWidth * newHeight) { output, initialized in
      indices.withUnsafeBufferPointer { indices in
        for (y, row) in rows.enumerated() {
          for (x, column) in columns.enumerated() { output[y * newWidth + x] = indices[row * width + column] }
        }
      }
      initialized = newWidth * newHeight
    }
    return IndexImage(width: newWidth, height: newHeight, indices: output)
  }

  private static func nearest(from size: Int, to newSize: Int) -> [Int] {
    let scale = 1 / (Double(newSize) / Double(size))
    return (0..<newSize).map { min(Int((Double($0) * scale).rounded(.down)), size - 1) }
  }
}
