// 3x3 convolution, stride 1, padding 1, of three image planes into channel blocks: the first layer of a network.
//
//   N images, K output channels, H rows, W columns; planes (N, 3, H, W), output (N, K/16, H, W, 16).
//   Three channels are too few for Winograd's products to pay: the 27 taps are summed directly, 12 pixels by 32 output
//   channels at a time.
//
// Goals, in order of priority: speed, brevity.

/// The plan of the forward pass. It is fixed by the shape and holds no data.
package struct PlanarConvolution: Sendable {
  private let images: Int
  private let outputBlocks: Int
  private let height: Int
  private let width: Int

  private static let planes = 3
  private static let taps = 27
  private static let panel = 32
  /// The number of output rows per task.
  private static let bandRows = 8
  /// The number of pixels whose sums are in registers at once.
  private static let group = 12

  package init(images: Int, outputChannels: Int, height: Int, width: Int) {
    precondition(
      outputChannels % 16 == 0 && outputChannels > 0, "\(outputChannels) output channels, not a multiple of 16")
    precondition(
      images > 0 && height > 0 && width > 0, "\(images) images of \(height) x \(width): nothing to do")
    self.images = images
    self.height = height
    self.width = width
    outputBlocks = outputChannels / 16
  }

  private var panels: Int { (outputBlocks + 1) / 2 }
  private var bands: Int { (height + Self.bandRows - 1) / Self.bandRows }

  package var preparedCount: Int { Self.taps * outputBlocks * 16 }
  package var preparationTasks: Int { 1 }

  /// Lays out weights [K][3][3][3] as [panel][27][32] in `prepared` (`preparedCount` floats).
  package func prepare(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>, task: Int) {
    for channel in 0..<outputBlocks * 16 {
      let panel = channel / Self.panel
      let panelWidth = min(Self.panel, outputBlocks * 16 - panel * Self.panel)
      for tap in 0..<Self.taps {
        prepared[panel * Self.panel * Self.taps + tap * panelWidth + channel % Self.panel] =
          weights[channel * Self.taps + tap]
      }
    }
  }

  package var tasks: Int { images * bands }

  /// Floats of a row with a border of one pixel, long enough for whole groups.
  private var paddedWidth: Int { (width + Self.group - 1) / Self.group * Self.group + 2 }
  private static let sumsFloats = group * panel
  package var scratchFloats: Int { Self.sumsFloats + Self.planes * (Self.bandRows + 2) * paddedWidth }

  /// Computes a part of output = convolution of planes with the prepared weights + bias, rectified at 0 if asked.
  ///
  /// `bias` is K floats or nil for none; `output` is overwritten.
  package func apply(
    _ planes: UnsafePointer<Float>, prepared: UnsafePointer<Float>, bias: UnsafePointer<Float>?, rectified: Bool,
    into output: UnsafeMutablePointer<Float>, task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (image, band) = (task / bands, task % bands)
    let firstRow = band * Self.bandRows
    let rows = min(Self.bandRows, height - firstRow)
    let (sums, padded) = (scratch, scratch + Self.sumsFloats)
    let paddedPlane = (Self.bandRows + 2) * paddedWidth
    for plane in 0..<Self.planes {
      let source = planes + (image * Self.planes + plane) * height * width
      for row in 0..<rows + 2 {
        copyBordered(
          source, row: firstRow + row - 1, height: height, width: width,
          into: padded + plane * paddedPlane + row * paddedWidth, paddedWidth: paddedWidth)
      }
    }
    for panel in 0..<panels {
      let weights = prepared + panel * Self.panel * Self.taps
      let blocks = min(2, outputBlocks - panel * 2)
      for row in 0..<rows {
        for x in stride(from: 0, to: width, by: Self.group) {
          let source = UnsafePointer(padded + row * paddedWidth + x)
          if blocks == 2 {
            sumTwelveBy32(source, plane: paddedPlane, weights, into: sums)
          } else {
            sumTwelveBy16(source, plane: paddedPlane, weights, into: sums)
          }
          for half in 0..<blocks {
            let block = panel * 2 + half
            let lanes = bias.map { $0.lanes(at: block * 16) } ?? .zero
            let target = output + (((image * outputBlocks + block) * height + firstRow + row) * width + x) * 16
            for pixel in 0..<min(Self.group, width - x) {
              var value = sums.lanes(at: (half * Self.group + pixel) * 16) + lanes
              if rectified { value.replace(with: 0, where: value .< 0) }
              target.setLanes(value, at: pixel * 16)
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func sumTwelveBy32(
    _ source: UnsafePointer<Float>, plane: Int, _ weights: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      for six in stride(from: 0, to: Self.group, by: 6) {
        sumSixBy16(source + six, plane: plane, weights, step: 32, into: sums + six * 16)
        sumSixBy16(source + six, plane: plane, weights + 16, step: 32, into: sums + (Self.group + six) * 16)
      }
      return
    }
    var weights = weights
    var (first, second, third) = (FourRowsBy32(), FourRowsBy32(), FourRowsBy32())
    for channel in 0..<Self.planes {
      for row in 0..<3 {
        let pixels = source + channel * plane + row * paddedWidth
        for column in 0..<3 {
          let (w0, w1) = (weights.lanes(at: 0), weights.lanes(at: 16))
          first.add(pixels + column, step: 1, w0, w1)
          second.add(pixels + column + 4, step: 1, w0, w1)
          third.add(pixels + column + 8, step: 1, w0, w1)
          weights += 32
        }
      }
    }
    let high = sums + Self.group * 16
    first.store(low: sums, high: high, step: 16)
    second.store(low: sums + 64, high: high + 64, step: 16)
    third.store(low: sums + 128, high: high + 128, step: 16)
  }

  /// Sums six pixels by 16 channels, which is as many as the registers of AVX2 hold.
  @inline(never)
  private func sumSixBy16(
    _ source: UnsafePointer<Float>, plane: Int, _ weights: UnsafePointer<Float>, step: Int,
    into sums: UnsafeMutablePointer<Float>
  ) {
    var weights = weights
    var (four, two) = (FourRowsBy16(), TwoRowsBy16())
    for channel in 0..<Self.planes {
      for row in 0..<3 {
        let pixels = source + channel * plane + row * paddedWidth
        for column in 0..<3 {
          let taps = weights.lanes(at: 0)
          four.add(pixels + column, step: 1, taps)
          two.add(pixels + column + 4, step: 1, taps)
          weights += step
        }
      }
    }
    four.store(sums, step: 16)
    two.put(sums + 64, step: 16, adding: false)
  }

  @inline(__always)
  private func sumTwelveBy16(
    _ source: UnsafePointer<Float>, plane: Int, _ weights: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      sumSixBy16(source, plane: plane, weights, step: 16, into: sums)
      sumSixBy16(source + 6, plane: plane, weights, step: 16, into: sums + 96)
      return
    }
    var weights = weights
    var (first, second, third) = (FourRowsBy16(), FourRowsBy16(), FourRowsBy16())
    for channel in 0..<Self.planes {
      for row in 0..<3 {
        let pixels = source + channel * plane + row * paddedWidth
        for column in 0..<3 {
          let taps = weights.lanes(at: 0)
          first.add(pixels + column, step: 1, taps)
          second.add(pixels + column + 4, step: 1, taps)
          third.add(pixels + column + 8, step: 1, taps)
          weights += 16
        }
      }
    }
    first.store(sums, step: 16)
    second.store(sums + 64, step: 16)
    third.store(sums + 128, step: 16)
  }
}

/// Copies one row of a plane with a zero before it and zeros after it, `paddedWidth` floats in all. A row outside of
/// the plane is all zeros.
@inline(__always)
func copyBordered(
  _ plane: UnsafePointer<Float>, row: Int, height: Int, width: Int, into target: UnsafeMutablePointer<Float>,
  paddedWidth: Int
) {
  guard row >= 0, row < height else {
    target.update(repeating: 0, count: paddedWidth)
    return
  }
  target[0] = 0
  (target + 1).update(from: plane + row * width, count: width)
  (target + 1 + width).update(repeating: 0, count: paddedWidth - width - 1)
}
