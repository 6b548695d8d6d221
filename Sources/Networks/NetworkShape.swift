// The sizes of DecoupledNet at any width and input size (docs/reference.md sections 2, 5 and 7).
//
//   S  input side      L  classes without background      C, K  input and output channels of a layer

/// Width, input side and classes, and all layer sizes that follow from them.
package struct NetworkShape: Sendable, Equatable, Codable {
  /// Factor on VGG16's channel counts; 1 is the paper's network.
  package let width: Double
  /// Side of the square input in pixels, a multiple of 32; 320 is the paper's.
  package let inputSize: Int
  /// Classes without background; 20 is PASCAL VOC's.
  package let classes: Int
  /// Batch normalisation after each convolution of the classification network, as in VGG16-BN, for training from scratch.
  package let batchNormalization: Bool

  package init(width: Double, inputSize: Int, classes: Int, batchNormalization: Bool) {
    precondition(inputSize >= 32 && inputSize % 32 == 0, "five poolings need a side that is a multiple of 32")
    self.width = width
    self.inputSize = inputSize
    self.classes = classes
    self.batchNormalization = batchNormalization
  }

  /// A layer's channels at this width: `n * width` rounded, then rounded up to the channel block of 16.
  package func channels(_ n: Int) -> Int {
    (max(Int((Double(n) * width).rounded()), 1) + 15) / 16 * 16
  }

  /// Side of pool5's map.
  package var pool5Size: Int { inputSize / 32 }
  /// Kernel of fc6 and its relatives: round-half-up(0.7 * S / 32), at least 1; 7 at 320.
  package var fc6Kernel: Int { max(Int((0.7 * Double(inputSize) / 32 + 0.5).rounded(.down)), 1) }
  /// Side of the score map: 4 at 320.
  package var scoreSize: Int { pool5Size - fc6Kernel + 1 }
  /// Pixels of the score map.
  package var scorePixels: Int { scoreSize * scoreSize }

  /// One 3x3 layer of either network.
  package struct Layer: Sendable {
    package let name: String
    package let inputChannels: Int
    package let outputChannels: Int
  }

  /// The five blocks of VGG16: convolutions before each 2x2 pooling; block b works at side `inputSize >> b`.
  package var classificationBlocks: [[Layer]] {
    blocks(
      prefix: "classification.conv", [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]], input: 3
    )
  }

  /// The five blocks of the deconvolution network, in order of use: after unpooling with pool5's poolingIndices first.
  package var segmentationBlocks: [[Layer]] {
    let plan = [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64, 64]]
    var input = channels(512)
    return plan.enumerated().map { index, outputs in
      outputs.enumerated().map { position, output in
        defer { input = channels(output) }
        return Layer(
          name: "segmentation.deconv\(5 - index)_\(position + 1)", inputChannels: input,
          outputChannels: channels(output))
      }
    }
  }

  private func blocks(prefix: String, _ plan: [[Int]], input: Int) -> [[Layer]] {
    var input = input
    return plan.enumerated().map { index, outputs in
      outputs.enumerated().map { position, output in
        defer { input = channels(output) }
        return Layer(
          name: "\(prefix)\(index + 1)_\(position + 1)", inputChannels: input, outputChannels: channels(output))
      }
    }
  }
}
