import ArgumentParser
import Datasets
import Foundation
import Compute

extension DataCommand {
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Looks at every file that lists name: which file, what is wrong, what to do.",
      discussion: "Exit status: 0 all is well, warnings included unless --strict; 1 something is wrong.")

    @Argument(help: "The data set: a folder with JPEGImages, SegmentationClassAug and ImageSets; or a pack.")
    var folder: String?

    @Option(help: "The same.")
    var root: String?

    @Option(
      help:
        "A list under the data set's folder; may be given several times. Without: train_aug, train and val; all of a pack."
    )
    var list: [String] = []

    @Option(help: "How many of VOC's classes the masks may hold. (default: 20, or what a pack was made for)")
    var classes: Int?

    @Option(help: "How many findings of a kind are printed.")
    var limit: Int = 10

    @Flag(help: "Warnings count as faults.")
    var strict = false

    func validate() throws {
      guard (folder == nil) != (root == nil) else { throw ValidationError("give the data set's folder, once") }
      if let classes, !(1...20).contains(classes) { throw ValidationError("--classes \(classes) is not in 1 to 20") }
    }

    func run() throws {
      if let pack = folder ?? root, isFile(pack) { return try look(at: pack) }
      let directory = try VOCDirectory(root: folder ?? root!, classes: classes ?? 20)
      let usual = ["train_aug", "trainaug", "train", "val"].map { "ImageSets/Segmentation/\($0).txt" }
      var lists = list.isEmpty ? usual.filter { access("\(directory.root)/\($0)", F_OK) == 0 } : list
      if lists.isEmpty { lists = [usual[0]] }
      let check = DatasetCheck(directory, lists: lists, workers: WorkerPool(threads: AvailableCores.count)) {
        done, all in
        showProgress("\(done)/\(all) images", isLast: done == all)
      }
      check.findings.lines(limit: limit).forEach { print($0) }
      let (faults, warnings) = (check.findings.faults, check.findings.warnings)
      print(
        "\(check.lists) lists, \(check.images) images, \(check.masks) masks: "
          + (faults + warnings == 0 ? "all is well" : "\(faults) faults, \(warnings) warnings"))
      if faults > 0 || (strict && warnings > 0) { throw ExitCode(1) }
    }

    private func isFile(_ path: String) -> Bool {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    /// A pack's pictures were decoded when it was made: here it is their checksums that count.
    private func look(at pack: String) throws {
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
