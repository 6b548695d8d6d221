// The edges of an image, as detectors return them and EdgeBoxes uses them.
import Images

/// The strength and orientation of the edge at each pixel: H x W values each, rows from the top, (x, y) at y * width +
/// x.
package struct EdgeMap: Sendable, Equatable {
  package let width: Int
  package let height: Int
  /// The strength in 0...1; 0 where there is no edge or a neighbour across the edge is stronger.
  package var magnitude: [Float]
  /// The direction of the normal of the edge in [0, pi), from x (right) towards y (down): 0 for a vertical line.
  package var orientation: [Float]

  package init(width: Int, height: Int, magnitude: [Float], orientation: [Float]) {
    precondition(
      width > 0 && height > 0 && magnitude.count == width * height && orientation.count == width * height,
      "\(magnitude.count) magnitudes and \(orientation.count) orientations do not make an edge map of \(width) x "
        + "\(height)")
    self.width = width
    self.height = height
    self.magnitude = magnitude
    self.orientation = orientation
  }
}

/// A detector that finds the edges of an image, thinned to lines, as a function of the image only.
package protocol EdgeDetector: Sendable {
  func edges(of image: RGBImage) -> EdgeMap
}
