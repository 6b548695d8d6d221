// A model's figures on a list of images with masks: alone, or shared by the ranks of an MPI job.
import Cluster
import Datasets
import Images
import Models
import Compute

package enum DatasetEvaluation {
  /// Images that go through the network together. Which ones those are depends on the list alone, so the figures do not
  /// depend on the number of ranks.
  package static let batch = 4

  /// What one rank or all of them have counted.
  private struct Tally {
    var pixels: ConfusionMatrix?
    var labels = LabelCounts()
    var scores: LabelScores
  }

  /// Segments every image of the list and counts; collective, and the same report on every rank.
  ///
  /// - Parameters:
  ///   - onlyLabels: the segmentation network is not trained: image labels are judged, and no pixel.
  ///   - progress: called on rank 0 with the images done and the images in all, its own share.
  package static func run(
    _ net: any Model, _ directory: VOCDirectory, list: String, onlyLabels: Bool = false, communicator: Communicator,
    context: ExecutionContext, progress: (Int, Int) -> Void
  ) throws -> EvaluationReport {
    let images = try communicator.rethrowOnAllRanks { try directory.images(list: list) }
    let own = try communicator.rethrowOnAllRanks {
      try count(images, net, directory, onlyLabels, rank: communicator.rank, ranks: communicator.size, context, progress)
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
    _ images: [ListedImage], _ net: any Model, _ directory: VOCDirectory, _ onlyLabels: Bool, rank: Int, ranks: Int,
    _ context: ExecutionContext, _ progress: (Int, Int) -> Void
  ) throws -> Tally {
    let judge = judge(net, onlyLabels, context)
    var tally = Tally(
      pixels: onlyLabels ? nil : ConfusionMatrix(classes: directory.classes),
      scores: LabelScores(classes: directory.classes))
    let starts = Array(stride(from: rank * batch, to: images.count, by: ranks * batch))
    for (number, start) in starts.enumerated() {
      let examples = try images[start..<min(start + batch, images.count)].map { try directory.loadWithMask($0) }
      for (result, example) in zip(judge(examples.map(\.photograph)), examples) {
        if let mask = result.mask { try tally.pixels?.add(predicted: mask.indices, truth: example.mask.indices) }
        let truth = directory.labels(of: example.mask)
        tally.labels.add(predicted: result.labels.labels, truth: truth)
        tally.scores.add(scores: result.labels.labelScores, truth: truth)
      }
      progress(number + 1, starts.count)
    }
    return tally
  }

  /// What the network says of pictures: labels, and masks where it makes any.
  private static func judge(
    _ net: any Model, _ onlyLabels: Bool, _ context: ExecutionContext
  ) -> ([RGBImage]) -> [(labels: ScoredLabels, mask: IndexImage?)] {
    if onlyLabels {
      guard let scorer = LabelScorer(net, images: batch, context: context) else {
        preconditionFailure("image labels are judged only of a model that scores them")
      }
      return { scorer.score($0).map { ($0, nil) } }
    }
    let segmenter = Segmenter(net, images: batch, context: context)
    return {
      segmenter.segment($0).map { ($0.scored, $0.mask) }
    }
  }
}
