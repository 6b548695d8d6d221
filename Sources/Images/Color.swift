// An RGB colour with 8 bits per channel.

package struct Color: Hashable, Sendable {
  package var red, green, blue: UInt8
  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }
}
