// The command `dnet data stats`, which counts the images, pixels and labels of a list.
import ArgumentParser
import Compute
import Datasets
import Foundation
import Images
import Support

extension DataCommand {
  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Counts the images and pixels per class, the label sets and the label combinations of a list.",
      discussion: "Reads masks only; photographs may be missing.")

    @Option(help: "The dataset: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
    var root: String

    @Option(help: "The list of images, under the folder of the dataset.")
    var list: String = "ImageSets/Segmentation/train_aug.txt"

    @Option(help: "Also write the results to this file.")
    var json: String?

    @Option(help: "The number of label sets to print.")
    var sets: Int = 10

    func run() throws {
      let directory = try VOCDirectory(root: root)
      let images = try ImageList.read(directory.listPath(list))
      let statistics = try directory.statistics(images, workers: WorkerPool(threads: AvailableCores.count)) { done in
        showProgress("\(done)/\(images.count) masks", isLast: done == images.count)
      }
      print(
        "\(statistics.images) images, \(statistics.masks) with masks, \(statistics.combinations) label combinations\n")
      print(statistics.classTable)
      print(
        "\nlabels an image: " + statistics.labelsPerImage.enumerated().map { "\($0): \($1)" }.joined(separator: ", "))
      print("\(statistics.labelSets.count) sets of labels, the most frequent:")
      let rows = statistics.labelSets.prefix(sets).map { set in
        ["\(set.images)", set.labels.isEmpty ? "(none)" : set.labels.joined(separator: ", ")]
      }
      TextTable.lines(rows, columns: [.right, .left]).forEach { print($0) }
      if let json {
        try AtomicFile.write(JSONText.encode(statistics), to: json)
      }
    }
  }
}
