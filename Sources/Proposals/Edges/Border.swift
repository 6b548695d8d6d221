// The extension of an image beyond its border, for filters.

package enum Border {
  /// The image mirrored with its outer pixel: c b a | a b c.
  case mirrored
  /// The image mirrored at its outer pixel: d c b | a b c d.
  case mirroredAtPixel

  /// Returns the position in 0..<count that has the value of position `i`.
  package func index(_ i: Int, _ count: Int) -> Int {
    var i = i
    while i < 0 || i >= count {
      switch self {
      case .mirrored: i = i < 0 ? -1 - i : 2 * count - 1 - i
      case .mirroredAtPixel: i = count == 1 ? 0 : i < 0 ? -i : 2 * count - 2 - i
      }
    }
    return i
  }
}
