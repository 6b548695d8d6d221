// The smallest boxes around the pixels of each class, found in one pass over the mask. The box of a label combination
// is the hull of the boxes of its classes.
import Datasets
import Images

package struct ClassBoxes: Sendable {
  private var boxes: [Box?]

  package init(_ mask: IndexImage, classes: Int) {
    var left = [Int](repeating: .max, count: 256)
    var top = left
    var right = [Int](repeating: -1, count: 256)
    var bottom = right
    mask.indices.withUnsafeBufferPointer { indices in
      for y in 0..<mask.height {
        let row = y * mask.width
        var x = 0
        while x < mask.width {
          // By runs of equal pixels, because masks are mostly uniform.
          let index = indices[row + x]
          let start = x
          repeat { x += 1 } while x < mask.width && indices[row + x] == index
          let i = Int(index)
          left[i] = min(left[i], start)
          right[i] = max(right[i], x - 1)
          top[i] = min(top[i], y)
          bottom[i] = y
        }
      }
    }
    boxes = (0...classes).map { i in
      i > 0 && right[i] >= 0 ? Box(x1: left[i], y1: top[i], x2: right[i], y2: bottom[i]) : nil
    }
  }

  /// Element c - 1 is true where class c occurs.
  package var labels: LabelVector { boxes.dropFirst().map { $0 != nil } }

  /// Returns the smallest box around the pixels of the combination, or nil where the mask has none.
  package func foreground(of combination: LabelCombination) -> Box? {
    boxes.indices.reduce(nil) { hull, index in
      guard index > 0, combination.contains(UInt8(index)), let box = boxes[index] else { return hull }
      return hull.map { $0.hull(box) } ?? box
    }
  }
}
