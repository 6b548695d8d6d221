// A mask: one class index per pixel, rows from the top without padding. 0 is background, 255 is ignored.

package struct IndexImage: Equatable, Sendable {
  package static let ignored: UInt8 = 255
  package let width: Int
  package let height: Int
  /// height x width values; pixel (x, y) is at y * width + x.
  package var indices: [UInt8]

  package init(width: Int, height: Int, indices: [UInt8]) {
    precondition(
      width > 0 && height > 0 && indices.count == width * height,
      "\(indices.count) indices do not make a mask of \(width) x \(height)")
    self.width = width
    self.height = height
    self.indices = indices
  }

  package init(width: Int, height: Int, index: UInt8 = 0) {
    self.init(width: width, height: height, indices: [UInt8](repeating: index, count: width * height))
  }

  package subscript(x: Int, y: Int) -> UInt8 {
    get { indices[y * width + x] }
    set { indices[y * width + x] = newValue }
  }

  /// The number of pixels of each of the 256 indices.
  package var counts: [Int] {
    var counts = [Int](repeating: 0, count: 256)
    for index in indices { counts[Int(index)] += 1 }
    return counts
  }
}
