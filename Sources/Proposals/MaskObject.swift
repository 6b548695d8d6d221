// The objects of a class mask: the 8-connected regions of each class.
import Images

package struct MaskObject: Sendable, Equatable {
  package var index: UInt8
  package var box: Box
  /// The number of pixels of the region.
  package var area: Int

  package init(index: UInt8, box: Box, area: Int) {
    self.index = index
    self.box = box
    self.area = area
  }
}

extension MaskObject {
  /// Returns the regions of classes 1...254, in raster order of their first pixels. Background and ignored pixels (the
  /// borders of VOC's objects) belong to none. Two touching objects of a class are one region.
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
