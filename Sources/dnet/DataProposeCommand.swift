import ArgumentParser
import Cluster
import Datasets
import Foundation
import Images
import Proposals
import Training
import Compute

/// Which images a command works on: a configuration's strong images, or lists.
struct ImageChoice: ParsableArguments {
  @Option(help: "A configuration: its strong images, seed and number of crops.")
  var config: String?

  @Option(
    name: .customLong("set"), help: ArgumentHelp("Changes a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "The data set, in place of --config: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
  var data: String?

  @Option(name: .customLong("list"), help: "A list under the data set's folder; may be given several times.")
  var lists: [String] = []

  @Option(help: "With --data: how many of VOC's classes.")
  var classes: Int = 20

  func validate() throws {
    guard (config == nil) != (data == nil) else { throw ValidationError("give either --config or --data with --list") }
    if data != nil && lists.isEmpty {
      throw ValidationError("give --list with --data, such as ImageSets/Segmentation/train_aug.txt")
    }
    if config != nil && !lists.isEmpty {
      throw ValidationError("--list goes with --data; a configuration has its own lists")
    }
    guard (1...20).contains(classes) else { throw ValidationError("--classes \(classes): it takes 1 to 20") }
  }

  struct Chosen {
    let configuration: Configuration?
    let store: any ImageStore
    let images: [ListedImage]
    let labels: [LabelVector]
  }

  func choose(workers: WorkerPool) throws -> Chosen {
    if let config {
      let configuration = try Configuration(file: config, settings: settings)
      let data = try TrainingData(configuration, workers: workers)
      return Chosen(configuration: configuration, store: data.store, images: data.strong, labels: data.strongLabels)
    }
    let directory = try VOCDirectory(root: data!, classes: classes)
    var seen: Set<String> = []
    let images = try lists.flatMap { try directory.images(list: $0) }.filter { seen.insert($0.id).inserted }
    return Chosen(
      configuration: nil, store: directory, images: images,
      labels: try directory.imageLabels(images, workers: workers))
  }

  /// Labels alone, which need no photograph.
  func labels(workers: WorkerPool) throws -> [LabelVector] {
    guard let data else { return try choose(workers: workers).labels }
    let directory = try VOCDirectory(root: data, classes: classes)
    let images = try lists.flatMap { try ImageList.read(directory.listPath($0)) }
    return try directory.imageLabels(images, workers: workers)
  }
}

struct DataProposeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "propose",
    abstract:
      "Writes the crop list of the segmentation phase: every label combination of every strong image, cut out many times.",
    discussion: """
      The list has a line for each crop: image, mask, x1 y1 x2 y2, c1 ... cK. Boxes come from proposals and random \
      sampling. Name it in data.proposals. Runs under mpirun too; the bytes are the same for any number of ranks and threads.
      """)

  @OptionGroup var choice: ImageChoice

  @Option(
    help:
      "Where boxes come from, besides random sampling: edgeboxes, random for none, or a folder with a file ID.txt of boxes for each image."
  )
  var proposals: String = "edgeboxes"

  @Option(help: "N_p, crops of a label combination; else the configuration's, or 200.")
  var perCombination: Int?

  @Option(help: "Seed of the random boxes; else the configuration's, or 1.")
  var seed: UInt64?

  @Option(help: "The list to write.")
  var output: String = "crops.txt"

  @Flag(help: "Only says how many crops there would be; photographs may be missing.")
  var countOnly = false

  @Option(help: "Threads a rank; 0 shares the cores that it may use.")
  var threads: Int = 0

  func validate() throws {
    if let perCombination, !(1...100_000).contains(perCombination) {
      throw ValidationError("--per-combination \(perCombination): it takes 1 to 100000")
    }
    guard ProposalChoice(named: proposals) != nil else {
      throw ValidationError("--proposals \(proposals): it takes \(ProposalChoice.names)")
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
