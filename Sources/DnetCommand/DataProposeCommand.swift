// The command `dnet data propose`, which writes the crop list of the segmentation phase.
import ArgumentParser
import Cluster
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Training

struct DataProposeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "propose",
    abstract:
      "Writes the crop list of the segmentation phase: many crops of every label combination of every masked image.",
    discussion: """
      The list has a line for each crop: image, mask, x1 y1 x2 y2, c1 ... cK. Boxes come from proposals and random \
      sampling. Name the list in data.proposals. The command also runs under mpirun; the bytes are the same for any \
      number of ranks and threads.
      """)

  @OptionGroup var choice: ImageChoice

  @Option(
    help:
      "The source of boxes besides random sampling: edgeboxes, random (none), or a folder with ID.txt per image."
  )
  var proposals: String = "edgeboxes"

  @Option(help: "N_p, the number of crops per label combination (default: that of the configuration, or 200).")
  var perCombination: Int?

  @Option(help: "The seed of the random boxes (default: that of the configuration, or 1).")
  var seed: UInt64?

  @Option(help: "The list to write.")
  var output: String = "crops.txt"

  @Flag(help: "Only print the number of crops; photographs may be missing.")
  var countOnly = false

  @Option(help: "Threads per rank; 0 divides the available cores among the ranks.")
  var threads: Int = 0

  func validate() throws {
    if let perCombination, !(1...100_000).contains(perCombination) {
      throw ValidationError("--per-combination \(perCombination) is not in 1 to 100000")
    }
    guard ProposalChoice(named: proposals) != nil else {
      throw ValidationError("--proposals \(proposals) is not \(ProposalChoice.names)")
    }
  }

  func run() throws {
    try runCollectively("dnet data propose") { communicator in
      let workers = WorkerPool(threads: try ThreadShare.threads(configured: threads, communicator))
      let isFirst = communicator.rank == 0
      if countOnly {
        let configured = try choice.config.map {
          try Configuration(file: $0, settings: choice.settings).cropsPerCombination
        }
        let labels = try communicator.rethrowOnAllRanks { try choice.labels(workers: workers) }
        if isFirst { print(TrainingExampleCount(labels, perCombination: perCombination ?? configured ?? 200).text) }
        return
      }
      let began = Date.now
      let job = try communicator.rethrowOnAllRanks {
        let chosen = try choice.choose(workers: workers)
        let cropping = CombinatorialCropping(
          perCombination: perCombination ?? chosen.configuration?.cropsPerCombination ?? 200,
          seed: seed ?? chosen.configuration?.seed ?? 1)
        let source = ProposalChoice(named: proposals)!
        return try CropListJob(
          chosen.store, chosen.images, labels: chosen.labels, cropping: cropping, source: source.source,
          sourceText: source.text)
      }
      let summary = try CropListWriter.write(job, to: output, communicator, workers: workers) { done, all in
        showProgress("crops of \(done)/\(all) images", isLast: done == all)
      }
      guard isFirst else { return }
      print(job.count.text)
      print(
        String(
          format: "%@: %d crops, %.1f MB, %.1f s, sha256 %@", output, job.count.total, Double(summary.bytes) / 1e6,
          Date.now.timeIntervalSince(began), summary.digest))
    }
  }
}
