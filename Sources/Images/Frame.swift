// The outline of a box, drawn into an image.

extension RGBImage {
  /// Draws the outline of a box, whose corners belong to it, `thickness` pixels inwards and clipped to the image.
  package mutating func drawFrame(x1: Int, y1: Int, x2: Int, y2: Int, color: Color, thickness: Int = 1) {
    for inset in 0..<max(thickness, 1) where x1 + inset <= x2 - inset && y1 + inset <= y2 - inset {
      for x in max(x1 + inset, 0)..<max(max(x1 + inset, 0), min(x2 - inset, width - 1) + 1) {
        for y in [y1 + inset, y2 - inset] where y >= 0 && y < height { self[x, y] = color }
      }
      for y in max(y1 + inset, 0)..<max(max(y1 + inset, 0), min(y2 - inset, height - 1) + 1) {
        for x in [x1 + inset, x2 - inset] where x >= 0 && x < width { self[x, y] = color }
      }
    }
  }
}
