// Combinatorial cropping (paper section 5). Every non-empty subset P of an image's labels defines a binary mask, and
// N_p sub-images that enclose the foreground of P are cut out of the image, "based on region proposal method and random
// sampling".
//
// The authors did not publish how they combined the two and how a proposal became a sub-image. Here a proposal that
// covers at least half of the foreground's box is extended to enclose all of it, and then by the context of 1.2 that
// DeconvNet of the same authors uses; it may extend beyond the image. At most half of the boxes come from proposals,
// the best first and without repetition. The others are random boxes.
import Datasets
import Images
import Randomness

package struct CombinatorialCropping: Sendable, Equatable {
  /// N_p of the paper: the number of sub-images per combination.
  package var perCombination: Int
  package var seed: UInt64
  /// The largest share of the boxes of a combination that come from proposals.
  package var proposalShare = 0.5
  /// The smallest share of the foreground's box that a proposal must cover.
  package var coverage = 0.5
  /// The factor by which a proposal, after it was extended to the foreground, is enlarged.
  package var context = 1.2

  package init(perCombination: Int = 200, seed: UInt64) {
    precondition(perCombination >= 1, "\(perCombination) sub-images per combination")
    self.perCombination = perCombination
    self.seed = seed
  }

  /// The N_p boxes of one combination: a function of the seed, the image's id and the arguments.
  ///
  /// - Parameters:
  ///   - foreground: the smallest box around the pixels of the combination.
  ///   - id: the id of the image.
  ///   - proposals: the proposals of the image, best first, or none for random boxes only.
  package func boxes(
    of combination: LabelCombination, foreground: Box, id: String, width: Int, height: Int, proposals: [ScoredBox]
  ) -> [Box] {
    var boxes: [Box] = []
    boxes.reserveCapacity(perCombination)
    let limit = Int(proposalShare * Double(perCombination))
    var seen: Set<Box> = []
    for proposal in proposals where boxes.count < limit {
      guard covers(proposal.box, foreground) else { continue }
      let box = extended(proposal.box.hull(foreground))
      if seen.insert(box).inserted { boxes.append(box) }
    }
    var random = CounterRandom(seed: seed, .crops, CounterRandom.word(of: id), combination.bits)
    while boxes.count < perCombination {
      boxes.append(RandomCrop.box(enclosing: foreground, width: width, height: height, random: &random))
    }
    return boxes
  }

  private func covers(_ box: Box, _ foreground: Box) -> Bool {
    guard let shared = box.intersection(foreground) else { return false }
    return Double(shared.area) >= coverage * Double(foreground.area)
  }

  private func extended(_ box: Box) -> Box {
    let x = Int(((Double(box.width) * context - Double(box.width)) / 2).rounded())
    let y = Int(((Double(box.height) * context - Double(box.height)) / 2).rounded())
    return Box(x1: box.x1 - x, y1: box.y1 - y, x2: box.x2 + x, y2: box.y2 + y)
  }

  /// The parameters, as the header of a crop list states them.
  package var text: String {
    "seed \(seed), \(perCombination) a combination, at most \(proposalShare) of them from proposals that cover "
      + "\(coverage) of the foreground, context \(context)"
  }
}
