// CIE L*a*b* of sRGB pixels (D65 white), in which distances approximate perceived differences.
import Images

enum LabColor {
  /// Returns planes of L* in 0...100 and of a* and b* in about -128...127.
  static func planes(of image: RGBImage) -> [Plane] {
    let planes = (0..<3).map { _ in Plane(width: image.width, height: image.height) }
    image.pixels.withUnsafeBufferPointer { pixels in
      linear.withUnsafeBufferPointer { linear in
        roots.withUnsafeBufferPointer { roots in
          for y in 0..<image.height {
            var p = pixels.baseAddress! + 3 * y * image.width
            let (l, a, b) = (planes[0].row(y), planes[1].row(y), planes[2].row(y))
            for x in 0..<image.width {
              let (red, green, blue) = (linear[Int(p[0])], linear[Int(p[1])], linear[Int(p[2])])
              p += 3
              let fx = root(roots.baseAddress!, 0.433953 * red + 0.376219 * green + 0.189828 * blue)
              let fy = root(roots.baseAddress!, 0.212671 * red + 0.715160 * green + 0.072169 * blue)
              let fz = root(roots.baseAddress!, 0.017758 * red + 0.109477 * green + 0.872766 * blue)
              l[x] = 116 * fy - 16
              a[x] = 500 * (fx - fy)
              b[x] = 200 * (fy - fz)
            }
          }
        }
      }
    }
    return planes
  }

  private static let cells = 4096

  /// Interpolates f(t) in its table, for t in 0...1 and slightly above.
  @inline(__always)
  private static func root(_ roots: UnsafePointer<Float>, _ t: Float) -> Float {
    let position = t * Float(cells)
    let cell = Int(position)
    return roots[cell] + (roots[cell &+ 1] - roots[cell]) * (position - Float(cell))
  }

  /// The table of f in the definition of Lab: the cube root, and a straight line near 0.
  private static let roots: [Float] = (0...cells + 2).map { i in
    let t = Double(i) / Double(cells)
    return Float(t > 216.0 / 24389 ? nthRoot(t, 3) : (24389.0 / 27 * t + 16) / 116)
  }

  /// The linear light of each sRGB byte.
  private static let linear: [Float] = (0...255).map { i in
    let v = Double(i) / 255
    guard v > 0.04045 else { return Float(v / 12.92) }
    // u^2.4 is u^2 times the fifth root of u^2.
    let u = (v + 0.055) / 1.055
    return Float(u * u * nthRoot(u * u, 5))
  }

  /// Returns the n-th root by Newton's method, which needs basic operations only.
  private static func nthRoot(_ x: Double, _ n: Int) -> Double {
    var r = 1.0
    for _ in 0..<60 {
      let power = (1..<n).reduce(1.0) { product, _ in product * r }
      r -= (r * power - x) / (Double(n) * power)
    }
    return r
  }
}
