// The choice of the few masked images that the segmentation phase may use ("strong" images, "5 per class" in the
// paper). The authors did not publish theirs. dnet gives every image a random rank that depends on the seed and its id
// only.
import Randomness

package enum MaskSubset {
  /// Returns the positions, ascending, of a subset in which every class occurs in at least `perClass` images, or of all
  /// images where `perClass` is 0.
  ///
  /// Each class in turn takes the lowest-ranked images that show it until `perClass` of the chosen ones do. An image
  /// with several classes counts for each, so at most K x perClass images are chosen. The order of the list does not
  /// matter. `labels[i]` belongs to `images[i]`; `classNames` has the background at 0. Throws `tooFewMasks` for the
  /// first class that fewer images show.
  package static func choose(
    _ images: [ListedImage], labels: [LabelVector], classNames: [String], perClass: Int, seed: UInt64
  ) throws(DatasetError) -> [Int] {
    precondition(images.count == labels.count, "\(images.count) images, but \(labels.count) label vectors")
    precondition(perClass >= 0, "\(perClass) masks per class")
    guard perClass > 0 else { return Array(images.indices) }
    let ranks = images.map { rank($0.id, seed: seed) }
    let order = images.indices.sorted { (ranks[$0], images[$0].id, $0) < (ranks[$1], images[$1].id, $1) }
    var chosen = Set<Int>()
    for index in 1..<classNames.count {
      let showing = order.filter { labels[$0][index - 1] }
      guard showing.count >= perClass else {
        throw .tooFewMasks(name: classNames[index], found: showing.count, asked: perClass)
      }
      var count = showing.count { chosen.contains($0) }
      for candidate in showing where count < perClass {
        if chosen.insert(candidate).inserted { count += 1 }
      }
    }
    return chosen.sorted()
  }

  private static func rank(_ id: String, seed: UInt64) -> UInt64 {
    CounterRandom(seed: seed, .maskedSubset, CounterRandom.word(of: id)).word(at: 0)
  }
}
