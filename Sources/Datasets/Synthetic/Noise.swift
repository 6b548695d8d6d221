// Smooth random fields: an integer hash gives the lattice values, which are interpolated between lattice points.

enum Noise {
  /// Returns a value in 0...1. Features are about one unit wide.
  static func value(_ x: Double, _ y: Double, _ salt: UInt32) -> Double {
    let (floorX, floorY) = (x.rounded(.down), y.rounded(.down))
    let (i, j) = (Int32(floorX), Int32(floorY))
    let (fx, fy) = (x - floorX, y - floorY)
    let (sx, sy) = (fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy))
    let top = lattice(i, j, salt) + (lattice(i + 1, j, salt) - lattice(i, j, salt)) * sx
    let bottom = lattice(i, j + 1, salt) + (lattice(i + 1, j + 1, salt) - lattice(i, j + 1, salt)) * sx
    return top + (bottom - top) * sy
  }

  /// Returns the sum of two octaves, in 0...1.
  static func field(_ x: Double, _ y: Double, _ salt: UInt32) -> Double {
    0.67 * value(x, y, salt) + 0.33 * value(2.3 * x, 2.3 * y, salt &+ 77)
  }

  /// Hashes the two coordinates and the salt to 32 bits.
  static func hash(_ x: Int32, _ y: Int32, _ salt: UInt32) -> UInt32 {
    var h = UInt32(bitPattern: x) &* 0x85EB_CA6B ^ UInt32(bitPattern: y) &* 0xC2B2_AE35 ^ salt
    h = (h ^ h >> 16) &* 0x7FEB_352D
    h = (h ^ h >> 15) &* 0x846C_A68B
    return h ^ h >> 16
  }

  private static func lattice(_ x: Int32, _ y: Int32, _ salt: UInt32) -> Double {
    Double(hash(x, y, salt)) * (1 / 4294967296)
  }
}
