// Non-maximum suppression across an edge: an edge pixel stays where no neighbour along its normal is stronger.

extension EdgeMap {
  /// The map with all but the ridges set to 0. Values between pixels are interpolated bilinearly at distances 1...radius
  /// on both sides; outside the picture the outer pixels repeat. `margin` outer pixels are weakened towards the border
  /// in proportion, for filters see half of what lies there.
  ///
  /// A pixel as strong as its neighbour stays, so a flat ridge of two pixels keeps both.
  package func thinned(radius: Int = 1, margin: Int = 0) -> EdgeMap {
    var output = magnitude
    let (width, height) = (self.width, self.height)
    magnitude.withUnsafeBufferPointer { source in
      orientation.withUnsafeBufferPointer { orientation in
        output.withUnsafeMutableBufferPointer { output in
          let (e, angles, out) = (source.baseAddress!, orientation.baseAddress!, output.baseAddress!)
          let (right, bottom) = (Float(width - 1), Float(height - 1))
          for y in 0..<height {
            for x in 0..<width {
              let i = y &* width &+ x
              let strength = e[i]
              guard strength > 0 else { continue }
              let (cosine, sine) = Angles.circle(angles[i])
              for step in 1...radius {
                let (dx, dy) = (Float(step) * cosine, Float(step) * sine)
                if Self.value(e, width, height, right, bottom, Float(x) + dx, Float(y) + dy) > strength
                  || Self.value(e, width, height, right, bottom, Float(x) - dx, Float(y) - dy) > strength
                {
                  out[i] = 0
                  break
                }
              }
            }
          }
          for y in 0..<height where margin > 0 {
            for x in 0..<width {
              let horizontal = min(x, width - 1 - x, margin)
              let vertical = min(y, height - 1 - y, margin)
              if horizontal < margin || vertical < margin {
                out[y * width + x] *= Float(horizontal * vertical) / Float(margin * margin)
              }
            }
          }
        }
      }
    }
    return EdgeMap(width: width, height: height, magnitude: output, orientation: orientation)
  }

  @inline(__always)
  private static func value(
    _ e: UnsafePointer<Float>, _ width: Int, _ height: Int, _ right: Float, _ bottom: Float, _ x: Float, _ y: Float
  ) -> Float {
    let px = x < 0 ? 0 : x > right ? right : x
    let py = y < 0 ? 0 : y > bottom ? bottom : y
    let (x0, y0) = (Int(Int32(truncatingIfNeeded: Int(px))), Int(py))
    let (x1, y1) = (x0 &+ 1 < width ? x0 &+ 1 : x0, y0 &+ 1 < height ? y0 &+ 1 : y0)
    let (fx, fy) = (px - Float(x0), py - Float(y0))
    let upper = e[y0 &* width &+ x0] * (1 - fx) + e[y0 &* width &+ x1] * fx
    let lower = e[y1 &* width &+ x0] * (1 - fx) + e[y1 &* width &+ x1] * fx
    return upper * (1 - fy) + lower * fy
  }
}
