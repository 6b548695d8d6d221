// The example sources that phases name. A model brings its own source by implementing `ExampleSourceFactory`.
import Datasets

/// The examples that training may use, as the configuration selects them.
package struct TrainingExamples: Sendable {
  package let store: any ImageStore
  /// Images with image-level labels.
  package let labelled: [ListedImage]
  package let labelledLabels: [LabelVector]
  /// Images whose masks may be used.
  package let masked: [ListedImage]
  package let maskedLabels: [LabelVector]
  package let crops: MaskCropBatches.Crops
  /// Bytes of decoded images that a source may keep.
  package let cacheBytes: Int

  package init(
    store: any ImageStore, labelled: [ListedImage], labelledLabels: [LabelVector], masked: [ListedImage],
    maskedLabels: [LabelVector], crops: MaskCropBatches.Crops, cacheBytes: Int
  ) {
    self.store = store
    self.labelled = labelled
    self.labelledLabels = labelledLabels
    self.masked = masked
    self.maskedLabels = maskedLabels
    self.crops = crops
    self.cacheBytes = cacheBytes
  }
}

/// Makes the minibatches of a phase.
package protocol ExampleSourceFactory: Sendable {
  /// The source reads masks, so a batch's `masks` have a meaning.
  var usesMasks: Bool { get }
  /// The source walks over the crop list of `data.proposals`, which must be there before the phase begins.
  var usesCrops: Bool { get }
  func makeSource(_ plan: BatchPlan, _ examples: TrainingExamples) -> any BatchSource
}

/// Whole images with their image-level labels.
package struct ImageLabelExamples: ExampleSourceFactory {
  package let usesMasks = false
  package let usesCrops = false

  package init() {}

  package func makeSource(_ plan: BatchPlan, _ examples: TrainingExamples) -> any BatchSource {
    ImageLabelBatches(
      plan, examples.store, images: examples.labelled, labels: examples.labelledLabels,
      cacheBytes: examples.cacheBytes)
  }
}

/// Crops around the foreground of label combinations, with binary masks.
package struct MaskCropExamples: ExampleSourceFactory {
  package let usesMasks = true
  package let usesCrops = true

  package init() {}

  package func makeSource(_ plan: BatchPlan, _ examples: TrainingExamples) -> any BatchSource {
    MaskCropBatches(
      plan, examples.store, images: examples.masked, labels: examples.maskedLabels, crops: examples.crops,
      cacheBytes: examples.cacheBytes)
  }
}
