// 3x3 convolution, stride 1, padding 1, by its definition: every output is one chain of fused multiply-adds in the
// plain order of the weights, float32 throughout.
//
//   N images, C input channels, K output channels, H rows, W columns; activations (N, C/16, H, W, 16).
//
// It is the reference for Winograd's convolutions in comparisons of training runs (network.convolution: direct) and in
// the table of errors. Sixteen chains run side by side, one per output channel; none is cut or shared.
//
// Goals, in order of priority: the plain order, brevity, speed.

/// Forward pass and data gradient: y[k] = sum over c, row, column of w[k][c][row][column] x[c], then + bias[k].
///
/// It has the interface of `WinogradConvolution`.
package struct DirectConvolution: Sendable {
  private let images: Int
  private let inputBlocks: Int
  private let outputBlocks: Int
  private let height: Int
  private let width: Int

  /// The number of pixels whose sums are in registers at once.
  private static let group = 4
  private static let taps = 9

  /// Channels are multiples of 16; maps are of any size.
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

  package var preparedCount: Int { inputBlocks * outputBlocks * 256 * Self.taps }
  package var preparationTasks: Int { outputBlocks }

  /// Lays out the weights as [K/16][C][3][3][16]; `rotated` as in `WinogradConvolution.prepare`.
  package func prepare(
    _ weights: UnsafePointer<Float>, rotated: Bool, into prepared: UnsafeMutablePointer<Float>, task: Int
  ) {
    let inputs = inputBlocks * 16
    let (outputStep, inputStep) = rotated ? (Self.taps, outputBlocks * 16 * Self.taps) : (inputs * Self.taps, Self.taps)
    var target = prepared + task * inputs * Self.taps * 16
    for channel in 0..<inputs {
      for tap in 0..<Self.taps {
        let source = weights + task * 16 * outputStep + channel * inputStep + (rotated ? Self.taps - 1 - tap : tap)
        for lane in 0..<16 { target[lane] = source[lane * outputStep] }
        target += 16
      }
    }
  }

  /// The number of tasks: one per row of 16 output channels.
  package var tasks: Int { images * outputBlocks * height }

  /// Pixels of a row with a border of one pixel, long enough for whole groups.
  private var paddedWidth: Int { (width + Self.group - 1) / Self.group * Self.group + 2 }
  package var scratchFloats: Int { inputBlocks * 3 * paddedWidth * 16 + Self.group * 16 }

  /// Computes a part of output = convolution of input with the prepared weights + bias, rectified at 0 if asked, as
  /// `WinogradConvolution.apply`.
  package func apply(
    _ input: UnsafePointer<Float>, prepared: UnsafePointer<Float>, bias: UnsafePointer<Float>?, rectified: Bool,
    into output: UnsafeMutablePointer<Float>, task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (image, block, y) = (task / (outputBlocks * height), task / height % outputBlocks, task % height)
    let (sums, rows) = (scratch, scratch + Self.group * 16)
    copyRows(input + image * inputBlocks * height * width * 16, around: y, into: rows)
    let weights = prepared + block * inputBlocks * 16 * Self.taps * 16
    let lanes = bias.map { $0.lanes(at: block * 16) } ?? .zero
    let target = output + ((image * outputBlocks + block) * height + y) * width * 16
    for x in stride(from: 0, to: width, by: Self.group) {
      sum(rows + x * 16, weights, into: sums)
      for pixel in 0..<min(Self.group, width - x) {
        var value = sums.lanes(at: pixel * 16) + lanes
        if rectified { value.replace(with: 0, where: value .< 0) }
        target.setLanes(value, at: (x + pixel) * 16)
      }
    }
  }

  /// Copies the three rows of all channel blocks that a row of outputs needs: [C/16][3][padded width][16].
  private func copyRows(_ image: UnsafePointer<Float>, around y: Int, into rows: UnsafeMutablePointer<Float>) {
    let length = paddedWidth * 16
    for block in 0..<inputBlocks {
      for row in 0..<3 {
        let target = rows + (block * 3 + row) * length
        let source = y + row - 1
        guard source >= 0, source < height else {
          target.update(repeating: 0, count: length)
          continue
        }
        target.update(repeating: 0, count: 16)
        (target + 16).update(from: image + (block * height + source) * width * 16, count: width * 16)
        (target + 16 + width * 16).update(repeating: 0, count: length - 16 - width * 16)
      }
    }
  }

  @inline(__always)
  private func sum(
    _ rows: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
  ) {
    var weights = weights
    var four = FourRowsBy16()
    for block in 0..<inputBlocks {
      for channel in 0..<16 {
        for row in 0..<3 {
          let pixels = rows + (block * 3 + row) * paddedWidth * 16 + channel
          for column in 0..<3 {
            four.add(pixels + column * 16, step: 16, weights.lanes(at: 0))
            weights += 16
          }
        }
      }
    }
    four.store(sums, step: 16)
  }
}
