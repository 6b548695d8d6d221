// The objects of a mask, as far as class masks tell them: the 8-connected regions of each class.
import Images

package struct MaskObject: Sendable, Equatable {
  package var index: UInt8
  package var box: Box
  /// Pixels of the region.
  package var area: Int

  package init(index: UInt8, box: Box, area: Int) { (self.index, self.box, self.area) = (index, box, area) }
}

extension MaskObject {
  /// The regions of classes 1...254, in raster order of their first pixels. Background and ignored pixels (the border
  /// around VOC's objects) belong to none; two objects of a class that touch are one region.
  package static func all(in mask: IndexImage) -> [MaskObject] {
    let (width, height) = (mask.width, mask.height)
    var seen = [Bool](repeating: false, count: width * height)
    var objects: [MaskObject] = []
    var open: [Int] = []
    for start in 0..<width * height where !seen[start] {
      let index = mask.indices[start]
      guard index != 0 && index != IndexImage.ignored else { continue }
      seen[start] = true
      open.append(start)
      var object = MaskObject(
        index: index, box: Box(x1: start % width, y1: start / width, x2: start % width, y2: start / width), area: 0)
      while let i = open.popLast() {
        let (x, y) = (i % width, i / width)
        object.area += 1
        object.box = Box(
          x1: min(object.box.x1, x), y1: object.box.y1, x2: max(object.box.x2, x), y2: max(object.box.y2, y))
        for v in max(0, y - 1)...min(height - 1, y + 1) {
          for u in max(0, x - 1)...min(width - 1, x + 1) {
            let j = v * width + u
            if !seen[j] && mask.indices[j] == index {
              seen[j] = true
              open.append(j)
            }
          }
        }
      }
      objects.append(object)
    }
    return objects
  }
}

extension Box {
  /// Intersection over union of two boxes.
  package func overlap(_ other: Box) -> Double {
    let w = min(x2, other.x2) - max(x1, other.x1) + 1
    let h = min(y2, other.y2) - max(y1, other.y1) + 1
    guard w > 0 && h > 0 else { return 0 }
    let common = w * h
    return Double(common) / Double(width * height + other.width * other.height - common)
  }
}
