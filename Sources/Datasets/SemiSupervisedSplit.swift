// The splits of the semi-supervised literature: so many images of VOC's train list (1,464) keep their masks. The lists
// that papers use were drawn at random too and differ between them, so dnet's are by seed.
import Randomness

package enum SemiSupervisedSplit {
  /// 1/16, 1/8, 1/4, 1/2 and all of VOC's 1,464.
  package static let counts = [92, 183, 366, 732, 1464]

  /// Positions in `images`, ascending, of `count` of them: those with the lowest random ranks, which depend on seed and
  /// id alone. So a smaller split lies within a larger one of the same seed. `count` is at most their number.
  package static func choose(_ images: [ListedImage], count: Int, seed: UInt64) -> [Int] {
    precondition((0...images.count).contains(count), "\(count) of \(images.count) images")
    let ranks = images.map { CounterRandom(seed: seed, .datasetSplit, CounterRandom.word(of: $0.id)).word(at: 0) }
    let order = images.indices.sorted { (ranks[$0], images[$0].id, $0) < (ranks[$1], images[$1].id, $1) }
    return order.prefix(count).sorted()
  }
}
