import ArgumentParser
import Datasets
import Foundation
import Compute

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Makes and checks data sets.",
    subcommands: [
      Prepare.self, Stats.self, Split.self, Check.self, DataRecall.self, DataProposeCommand.self,
      DataPreviewCommand.self,
      DataPackCommand.self, Synthesize.self,
    ])

  struct Synthesize: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Draws a data set in VOC's layout: photographs, masks, lists. The same seed gives the same bytes.")

    @Argument(help: "The folder to write; it must not hold pictures already.")
    var out: String

    @Option(help: "How many pictures: about 85% for training, the rest for validation.")
    var images: Int

    @Option(help: "How many of VOC's classes, from the first.")
    var classes: Int = 20

    @Option(help: "Seed of everything that is drawn.")
    var seed: UInt64 = 1

    func run() throws {
      let workers = WorkerPool(threads: AvailableCores.count)
      try SyntheticSet.write(to: out, images: images, classes: classes, seed: seed, workers: workers) { done in
        showProgress("\(done)/\(images) pictures", isLast: done == images)
      }
      say("\(images) pictures of \(classes) classes in \(out)")
    }
  }
}
