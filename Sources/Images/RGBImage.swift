// An RGB photograph: 8 bits per channel, interleaved r, g, b, rows from the top without padding.

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
