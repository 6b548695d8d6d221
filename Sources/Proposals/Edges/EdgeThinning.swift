// Non-maximum suppression across edges: an edge pixel stays where no neighbour along its normal is stronger.

extension EdgeMap {
  /// Returns the map with all but the ridges set to 0. Values between pixels are interpolated bilinearly at distances
  /// 1...radius on both sides; outside the image the outer pixels repeat. The outer `margin` pixels are attenuated
  /// towards the border, where filters see only half of their support.
  ///
  /// A pixel as strong as its neighbour stays, so a flat ridge of two pixels keeps both.
  package func thinned(radius: Int = 1, margin: Int = 0) -> EdgeMap {
    var output = magnitude
    let (width, height) = (self.width, self.height)
    magnitude.withUnsafeBufferPointer { source in
      orientation.withUnsafeBufferPointer { orientation in
        output.withUnsafeMutableBufferPointer { output in
          let (e, angles, out) = (source.baseAddress!, orientation.baseAddress!, output.baseAddress!)
          let size = Size(width: width, height: height)
          for y in 0..<height {
            for x in 0..<width {
              let i = y &* width &+ x
              let strength = e[i]
              guard strength > 0 else { continue }
              let (cosine, sine) = DeterministicMath.circle(angles[i])
              for step in 1...radius {
                let (dx, dy) = (Float(step) * cosine, Float(step) * sine)
                if size.value(e, Float(x) + dx, Float(y) + dy) > strength
                  || size.value(e, Float(x) - dx, Float(y) - dy) > strength
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

  private struct Size {
    let width: Int
    let height: Int
    let right: Float
    let bottom: Float

    init(width: Int, height: Int) {
      self.width = width
      self.height = height
      right = Float(width - 1)
      bottom = Float(height - 1)
    }

    /// Returns the bilinearly interpolated value of a map of this size at (x, y).
    @inline(__always)
    func value(_ e: UnsafePointer<Float>, _ x: Float, _ y: Float) -> Float {
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
}
