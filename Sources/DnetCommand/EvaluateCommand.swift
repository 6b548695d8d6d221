// `dnet evaluate`: the scores of a model on a list of images with masks.
import ArgumentParser
import Cluster
import Compute
import Datasets
import Evaluation
import Foundation
import Images
import Models
import Support
import Training

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Computes the IoU of each class, the mean IoU and the pixel accuracy of a model on images with masks.",
    discussion: """
      Under mpirun the ranks share the list; the results do not depend on their number.

      The model can be a checkpoint of any phase. For a checkpoint from within a phase, the batch-norm statistics are \
      first gathered from training data, as at the end of the phase (--set data.root=FOLDER if the data has moved). \
      For a checkpoint of the classification phase, only class labels are evaluated.
      """)

  @OptionGroup var model: ModelArguments

  @Option(help: "The dataset: a directory with JPEGImages, SegmentationClassAug and ImageSets.")
  var data: String

  @Option(help: "The list of images, relative to the dataset.")
  var list: String = "ImageSets/Segmentation/val.txt"

  @Option(help: "Also writes the results to this file, as JSON.")
  var json: String?

  @Option(help: "Threads per rank; 0 divides the available cores among the ranks that share them.")
  var threads: Int = 0

  func run() throws {
    try runCollectively("dnet evaluate") { communicator in
      try communicator.rethrowOnAllRanks { if communicator.rank == 0 { try checkFolder(of: json) } }
      let threads = try ThreadShare.threads(configured: threads, communicator)
      let source = try communicator.rethrowOnAllRanks { try ModelSource(model.path) }
      let net =
        source.needsStatistics
        ? try model.load(source, communicator, threads: threads, isFirst: communicator.rank == 0)
        : try communicator.rethrowOnAllRanks {
          try model.load(source, nil, threads: threads, isFirst: communicator.rank == 0)
        }
      let directory = try communicator.rethrowOnAllRanks { try VOCDirectory(root: data, classes: net.shape.classes) }
      let context = ExecutionContext(workers: WorkerPool(threads: threads))
      if communicator.rank == 0, let reason = source.onlyLabels { say(reason) }
      let report = try DatasetEvaluation.run(
        net, directory, list: list, onlyLabels: source.onlyLabels != nil, communicator: communicator, context: context
      ) { done, all in
        if communicator.rank == 0 { showProgress("\(100 * done / all)% evaluated", isLast: done == all) }
      }
      try communicator.rethrowOnAllRanks {
        guard communicator.rank == 0 else { return }
        print(report.table)
        if let json { try AtomicFile.write(report.json(), to: json) }
      }
    }
  }

  /// That the figures can be written is known before the hours of making them.
  private func checkFolder(of file: String?) throws(FileError) {
    guard let file else { return }
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
    guard access(folder, W_OK) == 0 else { throw .writing(file) }
  }
}
