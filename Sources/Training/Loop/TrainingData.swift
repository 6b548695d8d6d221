// The training examples of all phases: the checked lists, their labels, and the choice of images with masks by seed.
import Batches
import Compute
import Datasets
import Models

package struct TrainingData: Sendable {
  package let store: any ImageStore
  package let labelled: [ListedImage]
  package let labelledLabels: [LabelVector]
  /// The images with masks for training.
  package let masked: [ListedImage]
  package let maskedLabels: [LabelVector]
  /// The images of the list from which `masked` was chosen.
  package let maskedCandidates: [ListedImage]

  /// Reads the lists and every image's labels. Throws the errors of `Datasets`, such as a missing file, a damaged mask
  /// or a class with too few masks.
  package init(_ configuration: Configuration, workers: WorkerPool) throws {
    store = try Self.store(configuration)
    let candidates = try store.images(list: configuration.maskList)
    let candidateLabels = try store.imageLabels(candidates, workers: workers)
    let chosen = try MaskSubset.choose(
      candidates, labels: candidateLabels, classNames: store.classNames, perClass: configuration.masksPerClass,
      seed: configuration.seed)
    maskedCandidates = candidates
    masked = chosen.map { candidates[$0] }
    maskedLabels = chosen.map { candidateLabels[$0] }
    if configuration.imageLabelsFromMaskedOnly {
      labelled = masked
      labelledLabels = maskedLabels
    } else if configuration.imageLabelList == configuration.maskList {
      labelled = candidates
      labelledLabels = candidateLabels
    } else {
      labelled = try store.images(list: configuration.imageLabelList)
      labelledLabels = try store.imageLabels(labelled, workers: workers)
    }
    if let phase = configuration.phases.first(where: \.examples.usesMasks),
      !maskedLabels.contains(where: { $0.contains(true) })
    {
      throw RunError.noMaskedPixels(phase: phase.name, list: configuration.maskList)
    }
  }

  /// Opens the dataset's folder or its pack.
  private static func store(_ configuration: Configuration) throws -> any ImageStore {
    configuration.pack.isEmpty
      ? try VOCDirectory(root: configuration.dataRoot, classes: configuration.shape.classes)
      : try PackedSet(configuration.pack, classes: configuration.shape.classes)
  }

  /// The minibatches of a phase.
  package func batches(
    of phase: PhaseSpec, _ configuration: Configuration, crops: MaskCropBatches.Crops
  ) -> any BatchSource {
    let plan = BatchPlan(
      seed: configuration.seed, phase: phase.randomStream, minibatch: configuration.shards * configuration.shardSize,
      inputSize: configuration.shape.inputSize, classes: configuration.shape.classes)
    return phase.examples.makeSource(
      plan,
      TrainingExamples(
        store: store, labelled: labelled, labelledLabels: labelledLabels, masked: masked, maskedLabels: maskedLabels,
        crops: crops, cacheBytes: configuration.cacheBytes))
  }

  /// A line for the log.
  package var summary: String {
    let combinations = maskedLabels.reduce(0) { $0 + (1 << $1.count { $0 }) - 1 }
    return "\(labelled.count) images with labels, \(masked.count) with masks (\(combinations) label combinations)"
  }
}
