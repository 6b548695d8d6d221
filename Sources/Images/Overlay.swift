// A mask laid over its photograph, for visual inspection.

extension RGBImage {
  /// Returns the photograph with each class's colour laid over it and its outline drawn opaque. Background stays
  /// unchanged; ignored pixels become half-transparent white without an outline.
  package func overlaid(_ mask: IndexImage, opacity: Float = 0.5) -> RGBImage {
    precondition(
      mask.width == width && mask.height == height,
      "a mask of \(mask.width) x \(mask.height) over a photograph of \(width) x \(height)")
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        let index = mask[x, y]
        guard index != 0 else { continue }
        let color = index == IndexImage.ignored ? Color(255, 255, 255) : VOCPalette.color(index)
        let edge = index != IndexImage.ignored && mask.isOutline(x, y)
        let share = edge ? 1 : opacity
        let below = self[x, y]
        result[x, y] = Color(
          Self.blend(below.red, Float(color.red), share), Self.blend(below.green, Float(color.green), share),
          Self.blend(below.blue, Float(color.blue), share))
      }
    }
    return result
  }
}

extension IndexImage {
  /// The mask as an RGB image in VOC's colours.
  package var colored: RGBImage {
    RGBImage(
      width: width, height: height,
      pixels: indices.flatMap { index in VOCPalette.bytes[3 * Int(index)..<3 * Int(index) + 3] })
  }

  /// Returns true where the pixel to the left, right, above or below has another index.
  package func isOutline(_ x: Int, _ y: Int) -> Bool {
    let index = self[x, y]
    return (x > 0 && self[x - 1, y] != index) || (x + 1 < width && self[x + 1, y] != index)
      || (y > 0 && self[x, y - 1] != index) || (y + 1 < height && self[x, y + 1] != index)
  }
}
