// The two kinds of image: an RGB photograph and a map of class indices. Rows run from the top and have no padding.

/// A photograph with 8 bits per channel, interleaved r, g, b.
package struct RGBImage: Equatable, Sendable {
  package let width: Int
  package let height: Int
  /// height x width x 3 values; pixel (x, y) starts at 3 * (y * width + x).
  package var pixels: [UInt8]

  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "\(pixels.count) values do not make an image of \(width) x \(height)")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Creates an image of one colour.
  package init(width: Int, height: Int, color: Color = Color(0, 0, 0)) {
    var pixels = [UInt8](repeating: color.red, count: width * height * 3)
    if color.green != color.red || color.blue != color.red {
      for i in 0..<width * height {
        pixels[3 * i + 1] = color.green
        pixels[3 * i + 2] = color.blue
      }
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
      pixels[i] = newValue.red
      pixels[i + 1] = newValue.green
      pixels[i + 2] = newValue.blue
    }
  }
}

/// A colour with 8 bits per channel.
package struct Color: Hashable, Sendable {
  package var red, green, blue: UInt8
  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }
}

/// A mask: one class index per pixel. 0 is background, 255 is ignored (`IndexImage.ignored`).
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
