// The position, size and orientation of an object in a synthetic image.
import Images
import Randomness

struct Pose {
  var x, y, scale: Double
  var direction: (Double, Double)
  var flipped: Bool

  init(x: Double, y: Double, scale: Double, turns: Double, flipped: Bool) {
    self.x = x
    self.y = y
    self.scale = scale
    self.flipped = flipped
    direction = CounterRandom.circle(turns < 0 ? turns + 1 : turns)
  }

  /// Returns the image coordinates of a point given in object coordinates.
  func place(_ p: Point) -> Point {
    let px = flipped ? -p.x : p.x
    return Point(
      x + scale * (px * direction.0 - p.y * direction.1), y + scale * (px * direction.1 + p.y * direction.0))
  }

  /// Returns the object coordinates of a pixel's centre.
  func local(_ px: Int, _ py: Int) -> (Double, Double) {
    let (dx, dy) = ((Double(px) + 0.5 - x) / scale, (Double(py) + 0.5 - y) / scale)
    let u = dx * direction.0 + dy * direction.1
    return (flipped ? -u : u, dy * direction.0 - dx * direction.1)
  }
}
