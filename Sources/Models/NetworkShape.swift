// The sizes of a network of the VGG16 family at any width and input size (docs/reference.md sections 2, 5 and 7).

/// Width, input size and classes: what all layer sizes follow from.
package struct NetworkShape: Sendable, Equatable, Codable {
  /// Factor on VGG16's channel counts; 1 is the paper's network.
  package let width: Double
  /// Side of the square input in pixels, a multiple of 32; 320 is the paper's.
  package let inputSize: Int
  /// Classes without background; 20 is PASCAL VOC's.
  package let classes: Int
  /// Batch normalization after each convolution of the classification network, as in VGG16-BN, for training
  /// from scratch.
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
}
