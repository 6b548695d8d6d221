// The number of training examples of the segmentation phase (N_t in the paper): N_s + N_p times the sum of 2^|L| - 1
// over the masked images.
import Datasets

package struct TrainingExampleCount: Sendable, Equatable {
  /// N_s: the number of images that have a label. One without has nothing to segment and is left out.
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
