// Weights, images, labels and masks computed by formula: the same in every run, with the bits of
// docs/golden/reference_values.py.

package enum ReferenceValues {
  /// The 32-bit FNV-1a hash of the bytes.
  package static func fnv1a(_ text: String) -> UInt32 {
    text.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }

  package static func mix(_ value: UInt32) -> UInt32 {
    var x = value
    x = (x ^ (x >> 16)) &* 0x7FEB_352D
    x = (x ^ (x >> 15)) &* 0x846C_A68B
    return x ^ (x >> 16)
  }

  /// A number in [-1, 1) with 24 bits, so exact in Float.
  package static func unit(_ key: UInt32, _ index: Int) -> Double {
    let hashed = mix(mix(UInt32(truncatingIfNeeded: index) &+ 0x9E37_79B9) ^ key)
    return (Double(hashed >> 8) - 8_388_608) / 8_388_608
  }

  /// center + amplitude * unit, rounded to Float. In the golden files `name` is the salt, "/", and the tensor's name.
  package static func values(_ name: String, count: Int, center: Double, amplitude: Double) -> [Float] {
    let key = fnv1a(name)
    return (0..<count).map { Float(center + amplitude * unit(key, $0)) }
  }

  /// Fills memory with `values`.
  package static func fill(
    _ buffer: UnsafeMutableBufferPointer<Float>, _ name: String, center: Double = 0, amplitude: Double = 1
  ) {
    _ = buffer.update(fromContentsOf: values(name, count: buffer.count, center: center, amplitude: amplitude))
  }

  /// N x 3 x H x W in [-120, 120): a unit for the pixel plus one for its 16x16 block, 60 each.
  package static func images(salt: String, examples: Int, size: Int) -> [Float] {
    let pixels = fnv1a(salt + "/images")
    let blocks = fnv1a(salt + "/blocks")
    let side = size / 16
    return (0..<(examples * 3 * size * size)).map { index in
      let (x, y, plane) = (index % size, index / size % size, index / (size * size))
      return Float(60 * (unit(pixels, index) + unit(blocks, (plane * side + y / 16) * side + x / 16)))
    }
  }

  /// N x L of 0 and 1: above 0.2, or l = n mod L.
  package static func labels(salt: String, examples: Int, classes: Int) -> [Float] {
    let key = fnv1a(salt + "/labels")
    return (0..<(examples * classes)).map { index in
      unit(key, index) > 0.2 || index % classes == index / classes % classes ? 1 : 0
    }
  }

  /// N x H x W: below -0.8 ignored (255), above 0.2 foreground (1), else background (0).
  package static func masks(salt: String, examples: Int, size: Int) -> [UInt8] {
    let key = fnv1a(salt + "/masks")
    return (0..<(examples * size * size)).map { index in
      let value = unit(key, index)
      return value < -0.8 ? 255 : value > 0.2 ? 1 : 0
    }
  }
}
