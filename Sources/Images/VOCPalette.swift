// The colour palette of VOC's masks.

package enum VOCPalette {
  /// Returns the colour of an index. The bits of the index, three at a time from the lowest, become bits of red, green
  /// and blue from the highest down.
  package static func color(_ index: UInt8) -> Color {
    var (red, green, blue): (UInt8, UInt8, UInt8) = (0, 0, 0)
    var rest = index
    for bit in stride(from: UInt8(7), through: 5, by: -1) {
      red |= (rest & 1) << bit
      green |= (rest >> 1 & 1) << bit
      blue |= (rest >> 2 & 1) << bit
      rest >>= 3
    }
    return Color(red, green, blue)
  }

  /// The colours of all indices: 256 x (r, g, b).
  package static let bytes: [UInt8] = (0...255).flatMap { index in
    let color = color(UInt8(index))
    return [color.red, color.green, color.blue]
  }
}
