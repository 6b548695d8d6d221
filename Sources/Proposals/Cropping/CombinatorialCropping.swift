// Combinatorial cropping (paper section 5): every non-empty subset P of an image's labels makes a binary mask, and N_p
// sub-images that enclose P's foreground are cut out of the image, "based on region proposal method and random sampling".
//
// How the authors mixed the two, and how a proposal became a sub-image, is not published. Here: a proposal that covers at
// least half of the foreground's box is grown to enclose all of it, then by the context of 1.2 that the same authors'
// DeconvNet takes around its proposals, which may reach beyond the picture; at most half of the boxes come from
// proposals, the best first and none twice; the rest are random boxes.
import Datasets
import Images
import Randomness

package struct CombinatorialCropping: Sendable, Equatable {
  /// N_p of the paper: sub-images of one combination.
  package var perCombination: Int
  package var seed: UInt64
  /// The largest share of a combination's boxes that proposals give.
  package var proposalShare = 0.5
  /// The least share of the foreground's box that a proposal covers.
  package var coverage = 0.5
  /// Sides of a sub-image made from a proposal, in sides of the proposal grown to the foreground.
  package var context = 1.2

  package init(perCombination: Int = 200, seed: UInt64) {
    precondition(perCombination >= 1, "\(perCombination) sub-images a combination")
    (self.perCombination, self.seed) = (perCombination, seed)
  }

  /// The N_p boxes of one combination: a function of the seed, the image's id and the arguments.
  ///
  /// - Parameters:
  ///   - foreground: the smallest box around the combination's pixels, inside the picture.
  ///   - proposals: the image's, best first; none for random boxes alone.
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

  /// What decides the boxes besides images and proposals, as the head of a list says it.
  package var text: String {
    "seed \(seed), \(perCombination) a combination, at most \(proposalShare) of them from proposals that cover "
      + "\(coverage) of the foreground, context \(context)"
  }
}

/// N_t of the paper: N_s + N_p times the sum of 2^|L| - 1 over the strong images.
package struct TrainingExampleCount: Sendable, Equatable {
  /// N_s: images that have a label. One without has nothing to segment and is left out.
  package let images: Int
  package let withoutLabels: Int
  package let combinations: Int
  package let perCombination: Int

  package init(_ labels: [LabelVector], perCombination: Int) {
    let sizes = labels.map { $0.count { $0 } }
    images = sizes.count { $0 > 0 }
    withoutLabels = sizes.count - images
    combinations = sizes.reduce(0) { $0 + (1 << $1) - 1 }
    self.perCombination = perCombination
  }

  package var crops: Int { combinations * perCombination }
  package var total: Int { images + crops }

  package var text: String {
    "N_t = N_s + N_p x combinations = \(images) + \(perCombination) x \(combinations) = \(total)"
      + (withoutLabels > 0 ? " (\(withoutLabels) images without a label left out)" : "")
  }
}

extension Box {
  package var area: Int { width * height }

  /// The smallest box that encloses both.
  package func hull(_ other: Box) -> Box {
    Box(x1: min(x1, other.x1), y1: min(y1, other.y1), x2: max(x2, other.x2), y2: max(y2, other.y2))
  }

  /// nil where they share no pixel.
  package func intersection(_ other: Box) -> Box? {
    let (left, top, right, bottom) = (max(x1, other.x1), max(y1, other.y1), min(x2, other.x2), min(y2, other.y2))
    return left <= right && top <= bottom ? Box(x1: left, y1: top, x2: right, y2: bottom) : nil
  }
}

/// The boxes around each class's pixels, found in one pass over the mask; a combination's box is the hull of its classes'.
package struct ClassBoxes: Sendable {
  private var boxes: [Box?]

  package init(_ mask: IndexImage, classes: Int) {
    var left = [Int](repeating: .max, count: 256)
    var top = left
    var right = [Int](repeating: -1, count: 256)
    var bottom = right
    mask.indices.withUnsafeBufferPointer { indices in
      for y in 0..<mask.height {
        let row = y * mask.width
        var x = 0
        while x < mask.width {
          // Runs, not pixels: masks are mostly even.
          let index = indices[row + x]
          let start = x
          repeat { x += 1 } while x < mask.width && indices[row + x] == index
          let i = Int(index)
          left[i] = min(left[i], start)
          right[i] = max(right[i], x - 1)
          top[i] = min(top[i], y)
          bottom[i] = y
        }
      }
    }
    boxes = (0...classes).map { i in
      i > 0 && right[i] >= 0 ? Box(x1: left[i], y1: top[i], x2: right[i], y2: bottom[i]) : nil
    }
  }

  /// Element c - 1 is true where class c occurs.
  package var labels: LabelVector { boxes.dropFirst().map { $0 != nil } }

  /// nil where the mask has no pixel of the combination.
  package func foreground(of combination: LabelCombination) -> Box? {
    boxes.indices.reduce(nil) { hull, index in
      guard index > 0, combination.contains(UInt8(index)), let box = boxes[index] else { return hull }
      return hull.map { $0.hull(box) } ?? box
    }
  }
}
