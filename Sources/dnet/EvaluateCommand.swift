import ArgumentParser
import Cluster
import Datasets
import Evaluation
import Foundation
import Images
import Networks
import Support
import Training
import Compute

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "IoU of each class, means and pixel accuracy of a model on a list of images with masks.",
    discussion: """
      Runs under mpirun too: the ranks share the list, and the figures are the same for any number of them.

      A checkpoint of any phase will do. One from within a phase has its batch-norm statistics gathered from training data first, \
      as training does at the phase's end (--set data.root=FOLDER where the data has moved); of one of the classification phase \
      the labels alone are judged.
      """)

  @OptionGroup var model: ModelArguments

  @Option(help: "The data set: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
  var data: String

  @Option(help: "The list of images, under the data set's folder.")
  var list: String = "ImageSets/Segmentation/val.txt"

  @Option(help: "Also writes the figures to this file.")
  var json: String?

  @Option(help: "Threads a rank; 0 shares the cores that it may use.")
  var threads: Int = 0

  func run() throws {
    try runCollectively("dnet evaluate") { communicator in
      try communicator.rethrowOnAllRanks { if communicator.rank == 0 { try checkFolder(of: json) } }
      let threads = try ThreadShare.threads(configured: threads, communicator)
      let source = try communicator.rethrowOnAllRanks { try ModelSource(model.path) }
      let net =
        source.needsStatistics
        ? try model.load(source, communicator, threads: threads, isFirst: communicator.rank == 0)
        : try communicator.rethrowOnAllRanks { try model.load(source, nil, threads: threads, isFirst: communicator.rank == 0) }
      let directory = try communicator.rethrowOnAllRanks { try VOCDirectory(root: data, classes: net.shape.classes) }
      let context = ExecutionContext(workers: WorkerPool(threads: threads))
      if communicator.rank == 0, let why = source.onlyLabels { say(why) }
      let report = try DatasetEvaluation.run(
        net, directory, list: list, onlyLabels: source.onlyLabels != nil, communicator: communicator, context: context
      ) { done, all in
        if communicator.rank == 0 { showProgress("\(100 * done / all)% evaluated", isLast: done == all) }
      }
      try communicator.rethrowOnAllRanks {
        guard communicator.rank == 0 else { return }
        print(report.table)
        if let json { try FileBytes.write(report.json(), to: json) }
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
