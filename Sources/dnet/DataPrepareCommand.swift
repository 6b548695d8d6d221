import ArgumentParser
import Datasets
import Foundation
import Images
import Preparation
import Compute
import Support

extension DataCommand {
  struct Prepare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes VOC 2012 and SBD into what training reads, and checks every file on the way.",
      discussion: """
        Writes SegmentationClassAug (VOC's own masks first, then SBD's), ImageSets/Segmentation/train_aug.txt (VOC's train and \
        all of SBD without VOC's val: 10,582 images) and ImageSets/image_labels.txt. Started again, it looks only at what has \
        changed. Exit status 1 where a file is wrong; then no list is written.
        """)

    @Option(help: "VOC2012's folder, with JPEGImages, SegmentationClass, Annotations, ImageSets.")
    var voc: String

    @Option(help: "SBD's folder: benchmark_RELEASE or its dataset, with cls.")
    var sbd: String?

    @Option(help: "VOCtrainval_11-May-2012.tar: its MD5 is checked, and it is unpacked where --voc is not there yet.")
    var vocArchive: String?

    @Option(help: "SBD's benchmark.tgz: its MD5 is checked, and it is unpacked where --sbd is not there yet.")
    var sbdArchive: String?

    @Option(help: "The folder to write; VOC's own where not given. Another one gets a link to the photographs.")
    var output: String?

    @Flag(help: "Leave images whose photograph is missing out of the lists.")
    var skipMissing = false

    @Option(help: "How many findings of a kind are printed.")
    var limit: Int = 10

    func run() throws {
      let workers = WorkerPool(threads: AvailableCores.count)
      try settle(.voc, vocArchive, at: voc)
      if let sbdArchive {
        guard let sbd else { throw ValidationError("--sbd-archive needs --sbd, the folder to unpack to") }
        try settle(.sbd, sbdArchive, at: sbd)
      }
      let sources = try PreparationSources(root: voc, sbd: sbd)
      sources.lines.forEach { print($0) }
      let preparation = Preparation(sources, output: output, skipsMissing: skipMissing)
      let report = try preparation.run(workers: workers) { done, all in
        showProgress("\(done)/\(all) images", isLast: done == all)
      }
      report.findings.lines(limit: limit).forEach { print($0) }
      print(
        "\(report.facts.count) masks: \(report.origins[.own] ?? 0) VOC's own, \(report.origins[.sbd] ?? 0) SBD's, "
          + "\(report.origins[.merged] ?? 0) merged before; \(report.written) written"
          + (report.converted > 0 ? ", \(report.converted) from colours" : "")
          + ", \(report.verified) there already, \(report.unchanged) unchanged since the last time")
      if report.skipped > 0 { print("\(report.skipped) images have no photograph and are left out") }
      guard report.findings.faults == 0 else {
        print("\(report.findings.faults) faults: no list was written")
        throw ExitCode(1)
      }
      print(
        "\(preparation.output)/ImageSets/Segmentation: train_aug \(report.training.count), val \(report.validation.count); labels of "
          + "\(report.facts.count) images from masks, of \(report.annotated) from annotations")
      for (name, ids) in [("train_aug", report.training), ("val", report.validation)] {
        print("\n\(name)\n" + report.statistics(ids).classTable)
      }
    }

    private func settle(_ archive: PublicArchive, _ file: String?, at destination: String) throws {
      guard let file else { return }
      let size = max(1, (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 1)
      let result = try archive.settle(file, at: destination, output: output ?? voc) { done in
        showProgress("\(file): \(100 * done / size)% read", isLast: done >= size)
      }
      print("\(file): MD5 \(archive.md5), as published" + (result.extracted ? "; unpacked to \(destination)" : ""))
    }
  }
}

extension DatasetStatistics {
  /// Images and pixels of each class.
  var classTable: String {
    var rows = [["", "images", "pixels"], ["background", "", "\(pixelsPerClass[0])"]]
    for (c, name) in classNames.enumerated().dropFirst() {
      rows.append([name, "\(imagesPerClass[c - 1])", "\(pixelsPerClass[c])"])
    }
    rows.append(["ignored", "", "\(ignoredPixels)"])
    return TextTable.lines(rows).joined(separator: "\n")
  }
}
