// The command `dnet data check`, which checks every file of a dataset.
import ArgumentParser
import Compute
import Datasets
import Foundation

extension DataCommand {
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Checks every file that the lists name, and reports what is wrong and what to do.",
      discussion: "Exit status: 0 without faults (and, with --strict, without warnings), else 1.")

    @Argument(help: "The dataset: a folder with JPEGImages, SegmentationClassAug and ImageSets, or a pack.")
    var folder: String?

    @Option(help: "The dataset, as an option.")
    var root: String?

    @Option(
      help:
        "A list under the folder of the dataset; may be repeated. Default: train_aug, train and val, or all of a pack."
    )
    var list: [String] = []

    @Option(help: "The number of VOC's classes that the masks may hold. (default: 20, or that of the pack)")
    var classes: Int?

    @Option(help: "The largest number of diagnostics of a kind to print.")
    var limit: Int = 10

    @Flag(help: "Treat warnings as faults.")
    var strict = false

    func validate() throws {
      guard (folder == nil) != (root == nil) else { throw ValidationError("give the folder of the dataset once") }
      if let classes, !(1...20).contains(classes) { throw ValidationError("--classes \(classes) is not in 1 to 20") }
    }

    func run() throws {
      if let pack = folder ?? root, isFile(pack) { return try verify(pack: pack) }
      let directory = try VOCDirectory(root: folder ?? root!, classes: classes ?? 20)
      let usual = ["train_aug", "trainaug", "train", "val"].map { "ImageSets/Segmentation/\($0).txt" }
      var lists = list.isEmpty ? usual.filter { access("\(directory.root)/\($0)", F_OK) == 0 } : list
      if lists.isEmpty { lists = [usual[0]] }
      let check = DatasetCheck(directory, lists: lists, workers: WorkerPool(threads: AvailableCores.count)) {
        done, all in
        showProgress("\(done)/\(all) images", isLast: done == all)
      }
      check.diagnostics.lines(limit: limit).forEach { print($0) }
      let (faults, warnings) = (check.diagnostics.faults, check.diagnostics.warnings)
      print(
        "\(check.lists) lists, \(check.images) images, \(check.masks) masks: "
          + (faults + warnings == 0 ? "all is well" : "\(faults) faults, \(warnings) warnings"))
      if faults > 0 || (strict && warnings > 0) { throw ExitCode(1) }
    }

    private func isFile(_ path: String) -> Bool {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    /// Verifies the checksums of a pack. Its images were decoded when it was made.
    private func verify(pack: String) throws {
      do {
        let report = try PackReport(pack, lists: list, classes: classes)
        report.lines.forEach { print($0) }
        print("\(report.lists) lists, \(report.images) images, \(report.masks) masks: all is well")
      } catch {
        print([Diagnostic(.fault, "packs", "\(error)")].lines(limit: limit).joined(separator: "\n"))
        throw ExitCode(1)
      }
    }
  }
}
