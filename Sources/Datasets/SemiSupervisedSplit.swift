// The splits of the semi-supervised literature: part of VOC's train list (1,464 images) keeps its masks. The lists in
// papers were drawn at random and differ from paper to paper; dnet draws its own by seed.
import Randomness

package enum SemiSupervisedSplit {
  /// 1/16, 1/8, 1/4, 1/2 and all of VOC's 1,464.
  package static let counts = [92, 183, 366, 732, 1464]

  /// Returns the positions, ascending, of the `count` images with the lowest random ranks. A rank depends on the seed
  /// and the id only, so a smaller split is part of a larger one with the same seed.
  package static func choose(_ images: [ListedImage], count: Int, seed: UInt64) -> [Int] {
    precondition((0...images.count).contains(count), "\(count) of \(images.count) images")
    let ranks = images.map { CounterRandom(seed: seed, .datasetSplit, CounterRandom.word(of: $0.id)).word(at: 0) }
    let order = images.indices.sorted { (ranks[$0], images[$0].id, $0) < (ranks[$1], images[$1].id, $1) }
    return order.prefix(count).sorted()
  }
}
