// A model's figures on a list of images with masks: alone, or shared by the ranks of an MPI job.
import Cluster
import Datasets
import Images
import Networks
import Workers

package enum DatasetEvaluation {
  /// Images that go through the network together. Which ones those are depends on the list alone, so the figures do not
  /// depend on the number of ranks.
  package static let batch = 4

  /// Segments every image of the list and counts; collective, and the same report on every rank.
  ///
  /// - Parameter progress: called on rank 0 with the images done and the images in all, its own share.
  package static func run(
    _ net: DecoupledNet, _ directory: VOCDirectory, list: String, communicator: Communicator, bench: Workbench,
    progress: (Int, Int) -> Void
  ) throws -> EvaluationReport {
    let images = try communicator.together { try directory.images(list: list) }
    let (pixels, labels) = try communicator.together {
      try count(images, net, directory, rank: communicator.rank, ranks: communicator.size, bench, progress)
    }
    var allPixels = ConfusionMatrix(classes: directory.classes)
    for counts in try communicator.allGather(pixels.counts) {
      allPixels += try ConfusionMatrix(classes: directory.classes, counts: counts)
    }
    var allLabels = LabelCounts()
    for counts in try communicator.allGather(labels.counts) { allLabels += try LabelCounts(counts: counts) }
    return EvaluationReport(
      pixels: allPixels, labels: allLabels, images: images.count, classNames: directory.classNames)
  }

  private static func count(
    _ images: [ListedImage], _ net: DecoupledNet, _ directory: VOCDirectory, rank: Int, ranks: Int,
    _ bench: Workbench, _ progress: (Int, Int) -> Void
  ) throws -> (ConfusionMatrix, LabelCounts) {
    let segmenter = Segmenter(net, images: batch, bench: bench)
    var pixels = ConfusionMatrix(classes: directory.classes)
    var labels = LabelCounts()
    let starts = Array(stride(from: rank * batch, to: images.count, by: ranks * batch))
    for (number, start) in starts.enumerated() {
      let examples = try images[start..<min(start + batch, images.count)].map { try directory.loadWithMask($0) }
      for (result, example) in zip(segmenter.segment(examples.map(\.photograph)), examples) {
        try pixels.add(predicted: result.mask.indices, truth: example.mask.indices)
        labels.add(predicted: result.labels, truth: directory.labels(of: example.mask))
      }
      progress(number + 1, starts.count)
    }
    return (pixels, labels)
  }
}
