// The facts about an image whose files are valid, as the state file of `dnet data prepare` keeps them.

package struct ImageFacts: Codable, Equatable, Sendable {
  package let width, height: Int
  package let orientation: Int
  /// The number of pixels of each index that occurs.
  package let pixels: [Int: Int]
  /// True where the mask was an RGB image.
  package let converted: Bool

  /// The number of pixels of each of the 256 indices.
  package var counts: [Int] { (0...255).map { pixels[$0] ?? 0 } }
}
