// One crop of a crop list. It takes 16 bytes, because there may be millions.

package struct CropRecord: BitwiseCopyable, Sendable, Equatable {
  package var image: UInt32
  /// Bit c - 1 stands for class c.
  package var labels: UInt32
  package var x1, y1, x2, y2: Int16

  package init(image: UInt32, labels: UInt32, x1: Int16, y1: Int16, x2: Int16, y2: Int16) {
    self.image = image
    self.labels = labels
    self.x1 = x1
    self.y1 = y1
    self.x2 = x2
    self.y2 = y2
  }

  package var box: Box { Box(x1: Int(x1), y1: Int(y1), x2: Int(x2), y2: Int(y2)) }
  package var combination: LabelCombination { LabelCombination(bits: UInt64(labels)) }
}
