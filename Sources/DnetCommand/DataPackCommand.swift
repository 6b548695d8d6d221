// The command `dnet data pack`, which writes a dataset into one file or verifies such a file.
import ArgumentParser
import Compute
import Datasets
import Foundation
import Proposals
import Training

struct DataPackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Writes a dataset into one file, for copying to the local disk of a node, or verifies such a file.",
    discussion: """
      A pack contains the files of the photographs and masks of the lists, the labels, and a crop list. Name it in \
      data.pack: training gets the same minibatches from it as from the folder.
      """)

  @Argument(help: "The pack to write or, with --verify, to check.")
  var pack: String

  @Option(help: "A configuration, whose image lists are packed, and its crop list if data.proposals names one.")
  var config: String?

  @Option(
    name: .customLong("set"), help: ArgumentHelp("Changes a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "The dataset, in place of --config: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
  var data: String?

  @Option(name: .customLong("list"), help: "A list to pack, under the folder of the dataset; may be repeated.")
  var lists: [String] = []

  @Option(help: "With --data: the number of VOC's classes.")
  var classes: Int = 20

  @Option(help: "A crop list to pack; training finds it under this name.")
  var crops: String?

  @Flag(help: "Verify the checksum of every item.")
  var verify = false

  func validate() throws {
    if verify {
      guard config == nil && data == nil && lists.isEmpty && crops == nil else {
        throw ValidationError("--verify checks a pack and takes no dataset")
      }
      return
    }
    guard (config == nil) != (data == nil) else { throw ValidationError("give either --config or --data with --list") }
    if data != nil && lists.isEmpty {
      throw ValidationError("give --list with --data, such as ImageSets/Segmentation/train_aug.txt")
    }
    guard (1...20).contains(classes) else { throw ValidationError("--classes \(classes) is not in 1 to 20") }
  }

  func run() throws {
    do {
      if verify { try check() } else { try write() }
    } catch {
      say("dnet data pack: \(error)")
      throw ExitCode(1)
    }
  }

  private func write() throws {
    let workers = WorkerPool(threads: AvailableCores.count)
    let configuration = try config.map { try Configuration(file: $0, settings: settings) }
    let directory = try VOCDirectory(
      root: data ?? configuration!.dataRoot, classes: configuration?.shape.classes ?? classes)
    let named = configuration.map { [$0.imageLabelList, $0.maskList] } ?? []
    let listName =
      crops ?? configuration.flatMap { ["random", "edgeboxes"].contains($0.proposals) ? nil : $0.proposals }
    var bytes: [UInt8] = []
    if let listName {
      var list = try CropListProvider.list(listName, directory)
      // Training looks it up by the name in the configuration.
      list.name = listName
      bytes = list.encoded
    }
    let began = Date.now
    let summary = try PackWriter.write(to: pack, directory, lists: named + lists, crops: bytes, workers: workers) {
      done, all in
      showProgress("\(done)/\(all) images", isLast: done == all)
    }
    print(
      String(
        format: "%@: %d images, %d masks, %.1f MB, %.1f s%@", pack, summary.items, summary.masks,
        Double(summary.bytes) / 1e6,
        Date.now.timeIntervalSince(began), listName.map { ", crops of \($0)" } ?? ""))
  }

  private func check() throws {
    try PackReport(pack).lines.forEach { print($0) }
  }
}
