// A label combination of combinatorial cropping (paper section 5): every non-empty subset P of an image's labels
// defines one binary segmentation task on its mask.
import Images

/// A non-empty set of classes 1...K.
package struct LabelCombination: Sendable, Hashable {
  /// Bit c - 1 stands for class c.
  package let bits: UInt64

  package init(bits: UInt64) {
    precondition(bits != 0, "the empty combination has no foreground")
    self.bits = bits
  }

  package func contains(_ index: UInt8) -> Bool { index >= 1 && index <= 64 && bits >> UInt64(index - 1) & 1 == 1 }

  /// Returns all 2^|L| - 1 non-empty subsets of the labels (element c - 1 is true where class c occurs), in the order
  /// of their bits: {a}, {b}, {a, b}, {c}, ...
  package static func all(of labels: [Bool]) -> [LabelCombination] {
    let classes = labels.indices.filter { labels[$0] }
    precondition(classes.count < 32, "2^\(classes.count) combinations of one image's labels are too many")
    return (1..<1 << classes.count).map { subset in
      LabelCombination(
        bits: classes.enumerated().reduce(0) { bits, item in
          subset >> item.offset & 1 == 1 ? bits | 1 << UInt64(item.element) : bits
        })
    }
  }

  /// The binary label z of the paper for each index: 1 for a class of the combination, 0 for any other class and the
  /// background, 255 unchanged (C:select_seg_binary_layer.cpp: an unchosen class is background, not ignored).
  package var binaryLabels: [UInt8] {
    (0...255).map { index in
      index == Int(IndexImage.ignored) ? IndexImage.ignored : contains(UInt8(index)) ? 1 : 0
    }
  }

  /// Returns the smallest box around the pixels of the combination, or nil where the mask has none.
  package func foreground(of mask: IndexImage) -> Box? {
    var box: Box?
    for y in 0..<mask.height {
      let row = y * mask.width
      guard let first = (0..<mask.width).first(where: { contains(mask.indices[row + $0]) }) else { continue }
      let last = (0..<mask.width).last { contains(mask.indices[row + $0]) }!
      box =
        box.map { Box(x1: min($0.x1, first), y1: $0.y1, x2: max($0.x2, last), y2: y) }
        ?? Box(x1: first, y1: y, x2: last, y2: y)
    }
    return box
  }
}
