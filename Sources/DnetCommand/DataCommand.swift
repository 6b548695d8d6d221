// The command `dnet data` with its subcommands.
import ArgumentParser
import Compute
import Datasets
import Foundation

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Makes and checks datasets.",
    subcommands: [
      Prepare.self, Stats.self, Split.self, Check.self, DataRecall.self, DataProposeCommand.self,
      DataPreviewCommand.self,
      DataPackCommand.self, Synthesize.self,
    ])

  struct Synthesize: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Draws a dataset in VOC's layout: photographs, masks and lists. The same seed gives the same bytes.")

    @Argument(help: "The folder to write; it must not contain images.")
    var out: String

    @Option(help: "The number of images: about 85% for training, the others for validation.")
    var images: Int

    @Option(help: "The number of classes, the first ones of VOC.")
    var classes: Int = 20

    @Option(help: "The random seed.")
    var seed: UInt64 = 1

    func run() throws {
      let workers = WorkerPool(threads: AvailableCores.count)
      try SyntheticSet.write(to: out, images: images, classes: classes, seed: seed, workers: workers) { done in
        showProgress("\(done)/\(images) images", isLast: done == images)
      }
      say("\(images) images of \(classes) classes in \(out)")
    }
  }
}
