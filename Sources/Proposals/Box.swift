// A box in an image, with coordinates as in the authors' list files (C:select_seg_binary_layer.cpp): both corners are
// zero-based and belong to the box, which is x2 - x1 + 1 pixels wide. A box may extend beyond the image.

package struct Box: Sendable, Hashable {
  package var x1, y1, x2, y2: Int

  package init(x1: Int, y1: Int, x2: Int, y2: Int) {
    precondition(x1 <= x2 && y1 <= y2, "a box has at least one pixel")
    self.x1 = x1
    self.y1 = y1
    self.x2 = x2
    self.y2 = y2
  }

  /// The box of a whole image.
  package init(width: Int, height: Int) { self.init(x1: 0, y1: 0, x2: width - 1, y2: height - 1) }

  package var width: Int { x2 - x1 + 1 }
  package var height: Int { y2 - y1 + 1 }

  package func encloses(_ other: Box) -> Bool {
    x1 <= other.x1 && y1 <= other.y1 && x2 >= other.x2 && y2 >= other.y2
  }

  package var area: Int { width * height }

  /// Returns the smallest box that encloses both.
  package func hull(_ other: Box) -> Box {
    Box(x1: min(x1, other.x1), y1: min(y1, other.y1), x2: max(x2, other.x2), y2: max(y2, other.y2))
  }

  /// Returns the common part, or nil where the boxes share no pixel.
  package func intersection(_ other: Box) -> Box? {
    let (left, top, right, bottom) = (max(x1, other.x1), max(y1, other.y1), min(x2, other.x2), min(y2, other.y2))
    return left <= right && top <= bottom ? Box(x1: left, y1: top, x2: right, y2: bottom) : nil
  }

  /// Returns the intersection over union of the two boxes.
  package func overlap(_ other: Box) -> Double {
    let w = min(x2, other.x2) - max(x1, other.x1) + 1
    let h = min(y2, other.y2) - max(y1, other.y1) + 1
    guard w > 0 && h > 0 else { return 0 }
    let common = w * h
    return Double(common) / Double(width * height + other.width * other.height - common)
  }
}
