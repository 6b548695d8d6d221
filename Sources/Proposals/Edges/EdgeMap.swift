// Edges of a picture: what every detector gives and EdgeBoxes takes.
import Images

/// An edge strength and an orientation a pixel. H x W values each, rows from the top, pixel (x, y) at y * width + x.
package struct EdgeMap: Sendable, Equatable {
  package let width: Int
  package let height: Int
  /// 0...1; 0 where there is no edge, or a neighbour across the edge is stronger.
  package var magnitude: [Float]
  /// Direction of the edge's normal in [0, pi), from x (to the right) towards y (down): 0 for an upright line.
  package var orientation: [Float]

  package init(width: Int, height: Int, magnitude: [Float], orientation: [Float]) {
    precondition(
      width > 0 && height > 0 && magnitude.count == width * height && orientation.count == width * height,
      "\(magnitude.count) magnitudes and \(orientation.count) orientations are no \(width) x \(height) edge map")
    (self.width, self.height, self.magnitude, self.orientation) = (width, height, magnitude, orientation)
  }
}

/// Finds a picture's edges, thinned to lines. A function of the picture alone.
package protocol EdgeDetector: Sendable {
  func edges(of image: RGBImage) -> EdgeMap
}
