// The weight gradient of a 3x3 convolution by its definition, the counterpart of `DirectConvolution`.
//
//   N images, C input channels, K output channels, H rows, W columns; activations (N, C/16, H, W, 16).

/// g[k][c][row][column] = sum over images, y, x of dy[k] x[c], in that order.
package struct DirectWeightGradient: Sendable {
  private let images: Int
  private let inputBlocks: Int
  private let outputBlocks: Int
  private let height: Int
  private let width: Int

  private static let taps = 9

  package init(images: Int, inputChannels: Int, outputChannels: Int, height: Int, width: Int) {
    precondition(inputChannels % 16 == 0 && inputChannels > 0, "\(inputChannels) input channels, not a multiple of 16")
    precondition(
      outputChannels % 16 == 0 && outputChannels > 0, "\(outputChannels) output channels, not a multiple of 16")
    precondition(
      images > 0 && height > 0 && width > 0, "\(images) images of \(height) x \(width): nothing to do")
    self.images = images
    self.height = height
    self.width = width
    inputBlocks = inputChannels / 16
    outputBlocks = outputChannels / 16
  }

  /// The number of tasks: one per input channel, with all output channels.
  package var tasks: Int { inputBlocks * 16 }

  private var paddedWidth: Int { width + 2 }
  /// One channel of all images with a border of zeros, and the sums of 16 output channels.
  package var scratchFloats: Int { images * (height + 2) * paddedWidth + Self.taps * 16 }

  /// Overwrites the task's part of `gradient`, [K][C][3][3].
  ///
  /// `input` is (N, C/16, H, W, 16) and `outputGradient` (N, K/16, H, W, 16).
  package func sum(
    input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>,
    task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (sums, planes) = (scratch, scratch + Self.taps * 16)
    let planeFloats = (height + 2) * paddedWidth
    planes.update(repeating: 0, count: images * planeFloats)
    for image in 0..<images {
      let source = input + (image * inputBlocks + task / 16) * height * width * 16 + task % 16
      let target = planes + image * planeFloats + paddedWidth + 1
      for y in 0..<height {
        for x in 0..<width { target[y * paddedWidth + x] = source[(y * width + x) * 16] }
      }
    }
    for block in 0..<outputBlocks {
      var taps = NineTaps()
      for image in 0..<images {
        for y in 0..<height {
          let line = planes + image * planeFloats + y * paddedWidth
          let gradients = outputGradient + ((image * outputBlocks + block) * height + y) * width * 16
          for x in 0..<width { taps.add(line + x, line: paddedWidth, gradients.lanes(at: x * 16)) }
        }
      }
      sums.update(repeating: 0, count: Self.taps * 16)
      taps.add(to: sums)
      for lane in 0..<16 {
        let target = gradient + ((block * 16 + lane) * inputBlocks * 16 + task) * Self.taps
        for tap in 0..<Self.taps { target[tap] = sums[tap * 16 + lane] }
      }
    }
  }
}
