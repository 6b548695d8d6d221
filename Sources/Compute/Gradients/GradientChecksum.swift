// A fast 64-bit checksum of the bits of many floats, which reveals that two machines computed different gradients.

/// A running FNV-1a over pairs of floats.
package struct GradientChecksum {
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  /// Adds the bits of `count` values.
  package mutating func add(_ values: UnsafePointer<Float>, count: Int) {
    let bytes = UnsafeRawPointer(values)
    for place in stride(from: 0, to: count & ~1, by: 2) {
      mix(bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt64.self))
    }
    if count & 1 == 1 { mix(UInt64(values[count - 1].bitPattern)) }
  }

  /// Adds 64 bits.
  package mutating func mix(_ bits: UInt64) {
    value = (value ^ bits) &* 0x0000_0100_0000_01b3
    // Products propagate bits upwards only. The shift brings high bits down again.
    value ^= value >> 29
  }
}
