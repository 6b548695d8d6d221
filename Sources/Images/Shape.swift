// Plane figures and the part of each pixel that they cover. All arithmetic is basic IEEE operations, so the result is
// the same on every machine. Pixel (x, y) is the square from (x, y) to (x + 1, y + 1), x to the right and y down.

package struct Point: Equatable, Sendable {
  package var x, y: Double
  package init(_ x: Double, _ y: Double) {
    self.x = x
    self.y = y
  }
}

/// One or more closed polygons. A point is inside where an odd number of them encloses it, so a ring is two circles.
package struct Shape: Sendable {
  package var contours: [[Point]]

  package init(contours: [[Point]]) { self.contours = contours }

  /// Returns the polygon through the corners.
  package static func polygon(_ corners: [Point]) -> Shape { Shape(contours: [corners]) }
  package static func polygon(_ corners: (Double, Double)...) -> Shape { polygon(corners.map { Point($0.0, $0.1) }) }

  /// Returns the rectangle between its upper left and lower right corner.
  package static func rectangle(_ start: (Double, Double), _ end: (Double, Double)) -> Shape {
    polygon(start, (end.0, start.1), end, (start.0, end.1))
  }

  /// Returns an ellipse with half-axes along x and y, as a polygon of 32 corners.
  package static func ellipse(_ centre: (Double, Double), _ radii: (Double, Double)) -> Shape {
    polygon(circle.map { Point(centre.0 + radii.0 * $0.x, centre.1 + radii.1 * $0.y) })
  }

  package static func ring(_ centre: (Double, Double), radius: Double, width: Double) -> Shape {
    let inner = radius - width
    return Shape(contours: ellipse(centre, (radius, radius)).contours + ellipse(centre, (inner, inner)).contours)
  }

  /// Returns a straight line with round ends. The width may change from start to end.
  package static func line(_ a: (Double, Double), _ b: (Double, Double), width: Double, endWidth: Double? = nil)
    -> Shape
  {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1)
    let length = (dx * dx + dy * dy).squareRoot()
    guard length > 0 else { return ellipse(a, (width / 2, width / 2)) }
    let (ux, uy) = (dx / length, dy / length)
    let (r, s) = (width / 2, (endWidth ?? width) / 2)
    // Half circles behind the start and beyond the end, rotated into the direction of the line.
    let back = circle[8...24].map { Point(a.0 + r * ($0.x * ux - $0.y * uy), a.1 + r * ($0.x * uy + $0.y * ux)) }
    let front = (Array(circle[24...]) + Array(circle[...8])).map {
      Point(b.0 + s * ($0.x * ux - $0.y * uy), b.1 + s * ($0.x * uy + $0.y * ux))
    }
    return polygon(back + front)
  }

  /// 32 points of the unit circle, anticlockwise where y points up, by symmetry from literals instead of libm.
  private static let circle: [Point] = {
    let eighth = [
      (1.0, 0.0), (0.9807852804032304, 0.19509032201612825), (0.9238795325112867, 0.3826834323650898),
      (0.8314696123025452, 0.5555702330196022), (0.7071067811865476, 0.7071067811865476),
    ]
    let quarter = eighth + eighth[1..<4].reversed().map { ($0.1, $0.0) }
    return (0..<32).map { i in
      let (c, s) = quarter[i % 8]
      return [Point(c, s), Point(-s, c), Point(-c, -s), Point(s, -c)][i / 8]
    }
  }()

  package func map(_ transform: (Point) -> Point) -> Shape { Shape(contours: contours.map { $0.map(transform) }) }

  /// The smallest and largest x and y.
  package var bounds: (left: Double, top: Double, right: Double, bottom: Double) {
    contours.joined().reduce(into: (Double.infinity, Double.infinity, -Double.infinity, -Double.infinity)) { b, p in
      b = (min(b.0, p.x), min(b.1, p.y), max(b.2, p.x), max(b.3, p.y))
    }
  }
}

extension RGBImage {
  /// Blends a colour over the pixels that the shape covers.
  package mutating func fill(_ shape: Shape, _ color: Color, opacity: Float = 1, antialiased: Bool = true) {
    let coverage = Coverage(shape, width: width, height: height, antialiased: antialiased)
    fill(coverage, opacity: opacity) { _, _ in (Float(color.red), Float(color.green), Float(color.blue)) }
  }

  /// Blends a colour per pixel over the covered pixels. Channels are clamped to 0...255.
  package mutating func fill(
    _ coverage: Coverage, opacity: Float = 1, color: (_ x: Int, _ y: Int) -> (Float, Float, Float)
  ) {
    var i = 0
    for y in coverage.rows {
      for x in coverage.columns {
        let share = min(1, coverage.values[i]) * opacity
        i += 1
        guard share > 0 else { continue }
        let c = color(x, y)
        let p = 3 * (y * width + x)
        pixels[p] = Self.blend(pixels[p], c.0, share)
        pixels[p + 1] = Self.blend(pixels[p + 1], c.1, share)
        pixels[p + 2] = Self.blend(pixels[p + 2], c.2, share)
      }
    }
  }

  @inline(__always)
  static func blend(_ below: UInt8, _ above: Float, _ share: Float) -> UInt8 {
    UInt8(max(0, min(255, (Float(below) + (above - Float(below)) * share).rounded())))
  }
}

extension IndexImage {
  /// Sets the index of all pixels whose centre is inside the shape.
  package mutating func fill(_ shape: Shape, _ index: UInt8) {
    let coverage = Coverage(shape, width: width, height: height, antialiased: false)
    var i = 0
    for y in coverage.rows {
      for x in coverage.columns {
        if coverage.values[i] > 0 { self[x, y] = index }
        i += 1
      }
    }
  }
}
