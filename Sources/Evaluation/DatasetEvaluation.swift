// The evaluation of a model on a list of images with masks, divided among the ranks of an MPI job.
import Cluster
import Compute
import Datasets
import Images
import Models

package enum DatasetEvaluation {
  /// The number of images that go through the network together. Batches depend on the list alone, so the figures do not
  /// depend on the number of ranks.
  package static let batch = 4

  /// The counts of one rank or of all ranks.
  private struct Tally {
    var pixels: ConfusionMatrix?
    var labels = LabelCounts()
    var scores: LabelScores
  }

  /// Segments every image of the list and returns the same report on every rank. Collective.
  ///
  /// - Parameters:
  ///   - onlyLabels: evaluates image labels and no masks, for models whose segmentation network is not trained.
  ///   - progress: called with the number of this rank's batches that are done, and of all of them.
  package static func run(
    _ net: any Model, _ directory: VOCDirectory, list: String, onlyLabels: Bool = false, communicator: Communicator,
    context: ExecutionContext, progress: (Int, Int) -> Void
  ) throws -> EvaluationReport {
    let images = try communicator.rethrowOnAllRanks { try directory.images(list: list) }
    let own = try communicator.rethrowOnAllRanks {
      try count(
        images, net: net, directory: directory, onlyLabels: onlyLabels, rank: communicator.rank,
        ranks: communicator.size, context: context, progress: progress)
    }
    let names = directory.classNames
    var all = Tally(pixels: nil, scores: LabelScores(classes: directory.classes))
    for counts in try communicator.allGather(own.labels.counts) { all.labels += try LabelCounts(counts: counts) }
    // No rank has more images than the first.
    let rows = (images.count + batch * communicator.size - 1) / (batch * communicator.size) * batch
    for rows in try communicator.allGather(own.scores.rows(rows)) { all.scores.add(rows: rows) }
    guard let pixels = own.pixels else {
      return EvaluationReport(labels: all.labels, scores: all.scores, classNames: names)
    }
    var sum = ConfusionMatrix(classes: directory.classes)
    for counts in try communicator.allGather(pixels.counts) {
      sum += try ConfusionMatrix(classes: directory.classes, counts: counts)
    }
    return EvaluationReport(
      pixels: sum, labels: all.labels, scores: all.scores, images: images.count, classNames: names)
  }

  private static func count(
    _ images: [ListedImage], net: any Model, directory: VOCDirectory, onlyLabels: Bool, rank: Int, ranks: Int,
    context: ExecutionContext, progress: (Int, Int) -> Void
  ) throws -> Tally {
    let predict = try predictor(net, onlyLabels: onlyLabels, context: context)
    var tally = Tally(
      pixels: onlyLabels ? nil : ConfusionMatrix(classes: directory.classes),
      scores: LabelScores(classes: directory.classes))
    let starts = Array(stride(from: rank * batch, to: images.count, by: ranks * batch))
    for (number, start) in starts.enumerated() {
      let examples = try images[start..<min(start + batch, images.count)].map { try directory.loadWithMask($0) }
      for (result, example) in zip(predict(examples.map(\.photograph)), examples) {
        if let mask = result.mask { try tally.pixels?.add(predicted: mask.indices, truth: example.mask.indices) }
        let truth = directory.labels(of: example.mask)
        tally.labels.add(predicted: result.labels.labels, truth: truth)
        tally.scores.add(scores: result.labels.labelScores, truth: truth)
      }
      progress(number + 1, starts.count)
    }
    return tally
  }

  /// Returns a function that predicts the labels of images, and their masks unless `onlyLabels` is set.
  private static func predictor(
    _ net: any Model, onlyLabels: Bool, context: ExecutionContext
  ) throws(ModelError) -> ([RGBImage]) -> [(labels: ScoredLabels, mask: IndexImage?)] {
    if onlyLabels {
      guard let scorer = LabelScorer(net, images: batch, context: context) else {
        throw .noLabelScores(model: type(of: net).name)
      }
      return { scorer.score($0).map { ($0, nil) } }
    }
    let segmenter = Segmenter(net, images: batch, context: context)
    return { segmenter.segment($0).map { ($0.scored, $0.mask) } }
  }
}
