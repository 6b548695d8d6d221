// CIE L*a*b* of sRGB pixels (D65 white): distances in it are about as large as a person sees them.
import Images

enum LabColor {
  /// L* in 0...100, a* and b* in about -128...127, as planes.
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

  /// Between the entries of the table of f(t); t in 0...1 and a little more.
  @inline(__always)
  private static func root(_ roots: UnsafePointer<Float>, _ t: Float) -> Float {
    let position = t * Float(cells)
    let cell = Int(position)
    return roots[cell] + (roots[cell &+ 1] - roots[cell]) * (position - Float(cell))
  }

  /// f of the Lab definition: the cube root, and a straight line near 0.
  private static let roots: [Float] = (0...cells + 2).map { i in
    let t = Double(i) / Double(cells)
    return Float(t > 216.0 / 24389 ? nthRoot(t, 3) : (24389.0 / 27 * t + 16) / 116)
  }

  /// sRGB bytes to linear light.
  private static let linear: [Float] = (0...255).map { i in
    let v = Double(i) / 255
    guard v > 0.04045 else { return Float(v / 12.92) }
    // To the power of 2.4: the square times the fifth root of the square.
    let u = (v + 0.055) / 1.055
    return Float(u * u * nthRoot(u * u, 5))
  }

  /// By Newton's steps, from basic operations only.
  private static func nthRoot(_ x: Double, _ n: Int) -> Double {
    var r = 1.0
    for _ in 0..<60 {
      let power = (1..<n).reduce(1.0) { product, _ in product * r }
      r -= (r * power - x) / (Double(n) * power)
    }
    return r
  }
}
