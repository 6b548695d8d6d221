// Boxes in pictures, as the authors' list files have them (C:select_seg_binary_layer.cpp): zero-based corners, both
// inside, so a box is x2 - x1 + 1 pixels wide; it may leave the picture.
import Images

package struct Box: Sendable, Hashable {
  package var x1, y1, x2, y2: Int

  package init(x1: Int, y1: Int, x2: Int, y2: Int) {
    precondition(x1 <= x2 && y1 <= y2, "a box has at least one pixel")
    (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2)
  }

  /// The whole of a picture.
  package init(width: Int, height: Int) { self.init(x1: 0, y1: 0, x2: width - 1, y2: height - 1) }

  package var width: Int { x2 - x1 + 1 }
  package var height: Int { y2 - y1 + 1 }

  package func encloses(_ other: Box) -> Bool {
    x1 <= other.x1 && y1 <= other.y1 && x2 >= other.x2 && y2 >= other.y2
  }
}
