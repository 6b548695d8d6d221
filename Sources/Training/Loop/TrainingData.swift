// The training examples of all phases: the checked lists, their labels, and the choice of images with masks by seed.
import Batches
import Compute
import Datasets
import Models

package struct TrainingData: Sendable {
  package let store: any ImageStore
  package let weak: [ListedImage]
  package let weakLabels: [LabelVector]
  /// The images with masks for training.
  package let strong: [ListedImage]
  package let strongLabels: [LabelVector]
  /// The images of the list from which `strong` was chosen.
  package let strongCandidates: [ListedImage]

  /// Reads the lists and every image's labels. Throws the errors of `Datasets`, such as a missing file, a damaged mask
  /// or a class with too few masks.
  package init(_ configuration: Configuration, workers: WorkerPool) throws {
    store = try Self.store(configuration)
    let candidates = try store.images(list: configuration.maskList)
    let candidateLabels = try store.imageLabels(candidates, workers: workers)
    let chosen = try StrongSubset.choose(
      candidates, labels: candidateLabels, classNames: store.classNames, perClass: configuration.masksPerClass,
      seed: configuration.seed)
    strongCandidates = candidates
    strong = chosen.map { candidates[$0] }
    strongLabels = chosen.map { candidateLabels[$0] }
    if configuration.imageLabelsFromMaskedOnly {
      weak = strong
      weakLabels = strongLabels
    } else if configuration.imageLabelList == configuration.maskList {
      weak = candidates
      weakLabels = candidateLabels
    } else {
      weak = try store.images(list: configuration.imageLabelList)
      weakLabels = try store.imageLabels(weak, workers: workers)
    }
    guard strongLabels.contains(where: { $0.contains(true) }) else {
      throw RunError.nothingToSegment(list: configuration.maskList)
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
    of phase: PhaseSpec, _ configuration: Configuration, crops: StrongBatches.Crops
  ) -> any BatchSource {
    let plan = BatchPlan(
      seed: configuration.seed, phase: phase.randomStream, minibatch: configuration.shards * configuration.shardSize,
      inputSize: configuration.shape.inputSize, classes: configuration.shape.classes)
    return phase.examples.makeSource(
      plan,
      TrainingExamples(
        store: store, labelled: weak, labelledLabels: weakLabels, masked: strong, maskedLabels: strongLabels,
        crops: crops, cacheBytes: configuration.cacheBytes))
  }

  /// A line for the log.
  package var summary: String {
    let combinations = strongLabels.reduce(0) { $0 + (1 << $1.count { $0 }) - 1 }
    return "\(weak.count) images with labels, \(strong.count) with masks (\(combinations) label combinations)"
  }
}
