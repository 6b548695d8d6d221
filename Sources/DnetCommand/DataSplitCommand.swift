// The command `dnet data split`, which draws the images that keep their masks.
import ArgumentParser
import Compute
import Datasets
import Foundation
import Images
import Support

extension DataCommand {
  struct Split: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Draws the images that keep their masks: a number per class, and the literature's parts of VOC's train.",
      discussion: """
        Writes strong-N.txt (every class in at least N images: the choice of a configuration with data.masksPerClass N \
        and the same seed), strong-full.txt, and semi-92.txt to semi-1464.txt drawn from VOC's own train list.
        """)

    @Option(help: "The dataset: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
    var root: String

    @Option(help: "The list to choose the masked images from, under the folder of the dataset.")
    var list: String = "ImageSets/Segmentation/train_aug.txt"

    @Option(help: "Images per class, separated by commas.")
    var perClass: String = "5,10,25"

    @Option(help: "The seed of the choice.")
    var seed: UInt64 = 1

    @Option(help: "The number of VOC's classes in the dataset.")
    var classes: Int = 20

    @Option(help: "The folder to write to (default: ImageSets/Segmentation/splits under that of the dataset).")
    var output: String?

    func validate() throws {
      guard (1...20).contains(classes) else { throw ValidationError("--classes \(classes) is not in 1 to 20") }
      _ = try shares()
    }

    private func shares() throws -> [Int] {
      try perClass.split(separator: ",").map { part in
        guard let number = Int(part), number > 0 else {
          throw ValidationError("--per-class \(perClass): give positive numbers separated by commas, such as 5,10,25")
        }
        return number
      }
    }

    func run() throws {
      let directory = try VOCDirectory(root: root, classes: classes)
      let folder = output ?? "\(directory.root)/ImageSets/Segmentation/splits"
      try FileBytes.makeFolder(folder)
      let images = try ImageList.read(directory.listPath(list))
      let labels = try directory.imageLabels(images, workers: WorkerPool(threads: AvailableCores.count))
      let own = Set(
        ["train", "val"].flatMap { name in
          ((try? ImageList.read(directory.listPath("ImageSets/Segmentation/\(name).txt"))) ?? []).map(\.id)
        })
      for share in try shares() + [0] {
        let chosen = try MaskSubset.choose(
          images, labels: labels, classNames: directory.classNames, perClass: share, seed: seed)
        let least = (0..<classes).map { c in chosen.count { labels[$0][c] } }.min()!
        let what = share == 0 ? "all images" : "\(share) images per class, seed \(seed)"
        try write(
          "\(folder)/strong-\(share == 0 ? "full" : "\(share)").txt", chosen.map { images[$0] },
          comment: "\(what), from \(list)", own: own, note: "at least \(least) per class")
      }
      let trainList = "ImageSets/Segmentation/train.txt"
      guard let train = try? ImageList.read(directory.listPath(trainList)), train.count >= SemiSupervisedSplit.counts[0]
      else {
        say(
          "no semi-supervised splits: \(directory.listPath(trainList)) does not name "
            + "\(SemiSupervisedSplit.counts[0]) images or more"
        )
        return
      }
      for count in SemiSupervisedSplit.counts where count <= train.count {
        let chosen = SemiSupervisedSplit.choose(train, count: count, seed: seed).map { train[$0] }
        try write(
          "\(folder)/semi-\(count).txt", chosen,
          comment: "\(count) of \(train.count) images, seed \(seed), from \(trainList)", own: own)
      }
    }

    private func write(
      _ path: String, _ images: [ListedImage], comment: String, own: Set<String>, note: String? = nil
    ) throws {
      let lines = images.map { image in image.mask.map { "\(image.photograph!) \($0)" } ?? image.photograph ?? image.id
      }
      try ListFile.write(lines, comments: ["dnet data split: \(comment)"], to: path)
      let vocs = images.count { own.contains($0.id) }
      print(
        "\(path): \(images.count) images, \(vocs) with VOC's own masks and \(images.count - vocs) with SBD's"
          + (note.map { ", \($0)" } ?? ""))
    }
  }
}
