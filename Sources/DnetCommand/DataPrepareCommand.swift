// The command `dnet data prepare`, which converts VOC 2012 and SBD for training.
import ArgumentParser
import Compute
import Datasets
import Foundation
import Images
import Preparation
import Support

extension DataCommand {
  struct Prepare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Converts VOC 2012 and SBD for training, and checks every file.",
      discussion: """
        Writes SegmentationClassAug (VOC's own masks have precedence over SBD's), ImageSets/Segmentation/train_aug.txt \
        (VOC's train and all of SBD without VOC's val: 10,582 images) and ImageSets/image_labels.txt. When run again, \
        it checks only what has changed. If a file is faulty, the exit status is 1 and no list is written.
        """)

    @Option(help: "The folder VOC2012, with JPEGImages, SegmentationClass, Annotations and ImageSets.")
    var voc: String

    @Option(help: "The folder of SBD: benchmark_RELEASE, or dataset in it, with cls.")
    var sbd: String?

    @Option(help: "VOCtrainval_11-May-2012.tar: its MD5 is checked, and it is unpacked if --voc does not exist.")
    var vocArchive: String?

    @Option(help: "SBD's benchmark.tgz: its MD5 is checked, and it is unpacked if --sbd does not exist.")
    var sbdArchive: String?

    @Option(help: "The folder to write (default: that of --voc). Another one gets a link to the photographs.")
    var output: String?

    @Flag(help: "Omit images whose photograph is missing from the lists.")
    var skipMissing = false

    @Option(help: "The largest number of diagnostics of a kind to print.")
    var limit: Int = 10

    func run() throws {
      let workers = WorkerPool(threads: AvailableCores.count)
      try extract(.voc, vocArchive, to: voc)
      if let sbdArchive {
        guard let sbd else { throw ValidationError("--sbd-archive needs --sbd, the folder to unpack to") }
        try extract(.sbd, sbdArchive, to: sbd)
      }
      let sources = try PreparationSources(root: voc, sbd: sbd)
      sources.lines.forEach { print($0) }
      let preparation = Preparation(sources, output: output, skipsMissing: skipMissing)
      let report = try preparation.run(workers: workers) { done, all in
        showProgress("\(done)/\(all) images", isLast: done == all)
      }
      report.diagnostics.lines(limit: limit).forEach { print($0) }
      print(
        "\(report.facts.count) masks: \(report.origins[.own] ?? 0) VOC's own, \(report.origins[.sbd] ?? 0) SBD's, "
          + "\(report.origins[.merged] ?? 0) merged before; \(report.written) written"
          + (report.converted > 0 ? ", \(report.converted) from colours" : "")
          + ", \(report.verified) already there, \(report.unchanged) unchanged since the last run")
      if report.skipped > 0 { print("\(report.skipped) images have no photograph and are omitted") }
      guard report.diagnostics.faults == 0 else {
        print("\(report.diagnostics.faults) faults: no list was written")
        throw ExitCode(1)
      }
      print(
        "\(preparation.output)/ImageSets/Segmentation: train_aug \(report.training.count), val "
          + "\(report.validation.count); labels of "
          + "\(report.facts.count) images from masks, of \(report.annotated) from annotations")
      for (name, ids) in [("train_aug", report.training), ("val", report.validation)] {
        print("\n\(name)\n" + report.statistics(ids).classTable)
      }
    }

    private func extract(_ archive: PublicArchive, _ file: String?, to destination: String) throws {
      guard let file else { return }
      let size = max(1, (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 1)
      let result = try archive.verifyAndExtract(file, at: destination, output: output ?? voc) { done in
        showProgress("\(file): \(100 * done / size)% read", isLast: done >= size)
      }
      print("\(file): MD5 \(archive.md5), as published" + (result.extracted ? "; unpacked to \(destination)" : ""))
    }
  }
}

extension DatasetStatistics {
  /// A table of the images and pixels of each class.
  var classTable: String {
    var rows = [["", "images", "pixels"], ["background", "", "\(pixelsPerClass[0])"]]
    for (c, name) in classNames.enumerated().dropFirst() {
      rows.append([name, "\(imagesPerClass[c - 1])", "\(pixelsPerClass[c])"])
    }
    rows.append(["ignored", "", "\(ignoredPixels)"])
    return TextTable.lines(rows).joined(separator: "\n")
  }
}
