// Streams keyed by a name, such as an image's id: a name becomes a word that is the same everywhere, as `Hasher`'s is not.

extension CounterRandom {
  /// FNV-1a over the name's UTF-8 bytes, in 64 bits.
  package static func word(of name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
