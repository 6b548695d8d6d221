// The two kinds of picture: a photograph and a map of class indices. Rows from the top, no padding between them.

/// A photograph: 8 bits a channel, interleaved r, g, b.
package struct RGBImage: Equatable, Sendable {
  package let width: Int
  package let height: Int
  /// height x width x 3 values; pixel (x, y) starts at 3 * (y * width + x).
  package var pixels: [UInt8]

  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "\(pixels.count) values are no \(width) x \(height) picture")
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// A picture of one colour.
  package init(width: Int, height: Int, color: Color = Color(0, 0, 0)) {
    var pixels = [UInt8](repeating: color.red, count: width * height * 3)
    if color.green != color.red || color.blue != color.red {
      for i in 0..<width * height { (pixels[3 * i + 1], pixels[3 * i + 2]) = (color.green, color.blue) }
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  package subscript(x: Int, y: Int) -> Color {
    get {
      let i = 3 * (y * width + x)
      return Color(pixels[i], pixels[i + 1], pixels[i + 2])
    }
    set {
      let i = 3 * (y * width + x)
      (pixels[i], pixels[i + 1], pixels[i + 2]) = (newValue.red, newValue.green, newValue.blue)
    }
  }
}

/// One colour of 8 bits a channel.
package struct Color: Hashable, Sendable {
  package var red, green, blue: UInt8
  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) { (self.red, self.green, self.blue) = (red, green, blue) }
}

/// A mask: one class index a pixel. 0 is background, 255 is ignored (`IndexImage.ignored`).
package struct IndexImage: Equatable, Sendable {
  package static let ignored: UInt8 = 255
  package let width: Int
  package let height: Int
  /// height x width values; pixel (x, y) is at y * width + x.
  package var indices: [UInt8]

  package init(width: Int, height: Int, indices: [UInt8]) {
    precondition(
      width > 0 && height > 0 && indices.count == width * height,
      "\(indices.count) indices are no \(width) x \(height) mask")
    (self.width, self.height, self.indices) = (width, height, indices)
  }

  package init(width: Int, height: Int, index: UInt8 = 0) {
    self.init(width: width, height: height, indices: [UInt8](repeating: index, count: width * height))
  }

  package subscript(x: Int, y: Int) -> UInt8 {
    get { indices[y * width + x] }
    set { indices[y * width + x] = newValue }
  }

  /// How often each of the 256 indices occurs.
  package var counts: [Int] {
    var counts = [Int](repeating: 0, count: 256)
    for index in indices { counts[Int(index)] += 1 }
    return counts
  }
}
