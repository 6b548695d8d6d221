// The command `dnet data recall`, which measures how many objects the proposals find.
import ArgumentParser
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Support

struct DataRecall: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recall", abstract: "Measures how many objects of the masks the proposals find.",
    discussion: """
      An object is an 8-connected region of one class in a mask; 255 belongs to none. It is found by n proposals if \
      one of the best n overlaps its box by at least the IoU. Masks, in particular those of SBD, contain specks and \
      fragments that are not objects: regions below --min-area pixels are excluded from the first rows and included in \
      the second.
      """)

  @Option(help: "The dataset: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
  var root: String

  @Option(help: "The list of images, under the folder of the dataset.")
  var list: String

  @Option(
    help: "edgeboxes, sliding, random, or a folder with a file ID.txt of boxes per image (default: the first three).")
  var proposals: String?

  @Option(
    help: "For edgeboxes: a model of OpenCV's StructuredEdgeDetection (.yml or .yml.gz) instead of the built-in edges.")
  var edgeModel: String?

  @Option(help: "For edgeboxes: the overlap of neighbouring windows.")
  var alpha: Float?

  @Option(help: "For edgeboxes: boxes that overlap a better one by more are dropped.")
  var beta: Float?

  @Option(help: "For a folder: the number of the first column and row, 0 or 1.")
  var firstPixel: Int = 0

  @Flag(
    name: [.customLong("exclusive-ends"), .customLong("ends-outside")],
    help: "For a folder: x2 and y2 are the first pixels outside the box, not the last inside.")
  var exclusiveEnds = false

  @Option(help: "Regions with fewer pixels are excluded from the first rows.")
  var minArea: Int = 1000

  @Option(help: "The seed of random boxes.")
  var seed: UInt64 = 1

  @Option(help: "Also write the results to this file.")
  var json: String?

  @Option(help: "Also write the edges to this folder, as float32 ID.magnitude.npy and ID.orientation.npy per image.")
  var saveEdges: String?

  @Option(help: "Threads; 0 uses all available cores. The results are the same for any number.")
  var threads: Int = 0

  func validate() throws {
    guard firstPixel == 0 || firstPixel == 1 else {
      throw ValidationError("--first-pixel is 0 or 1, not \(firstPixel).")
    }
    guard minArea >= 1 else { throw ValidationError("--min-area is 1 or more, not \(minArea).") }
    guard threads >= 0 else { throw ValidationError("--threads is 0 or more, not \(threads).") }
  }

  func run() throws {
    let directory = try VOCDirectory(root: root)
    let images = try directory.images(list: list)
    let detector: any EdgeDetector = try edgeModel.map { try StructuredForest(file: $0) } ?? GradientEdges()
    let sources = try (proposals.map { [$0] } ?? ["edgeboxes", "sliding", "random"]).map { try source($0, detector) }
    if let saveEdges { try FileBytes.makeFolder(saveEdges) }
    let workers = WorkerPool(threads: threads > 0 ? threads : AvailableCores.count)
    var reports: [Report] = []
    for source in sources {
      reports.append(try measure(source, directory, images, workers: workers))
    }
    if let saveEdges {
      try forEach(images, workers: workers, name: "edges") { image in
        let edges = detector.edges(of: try directory.load(image).photograph)
        for (name, values) in [("magnitude", edges.magnitude), ("orientation", edges.orientation)] {
          try NumpyFile.write(
            values, width: edges.width, height: edges.height, to: "\(saveEdges)/\(image.id).\(name).npy")
        }
        return ()
      }
    }
    print(Self.table(reports, images: images.count, minArea: minArea))
    if let json {
      try AtomicFile.write(try JSONText.encode(reports), to: json)
    }
  }

  /// A source of boxes. One that is not nested, such as a grid, gives other boxes for each number of boxes.
  private struct NamedSource: Sendable {
    var name: String
    var make: @Sendable (_ count: Int) -> any ProposalSource
    var isNested: Bool
  }

  private func source(_ name: String, _ detector: any EdgeDetector) throws -> NamedSource {
    switch name {
    case "edgeboxes":
      var parameters = EdgeBoxes.Parameters()
      if let alpha { parameters.alpha = alpha }
      if let beta { parameters.beta = beta }
      parameters.maxBoxes = ProposalRecall.counts.last!
      try parameters.check()
      let source = EdgeBoxesSource(detector: detector, parameters: parameters)
      return NamedSource(name: name, make: { _ in source }, isNested: true)
    case "sliding":
      return NamedSource(name: name, make: { SlidingWindows(count: $0) }, isNested: false)
    case "random":
      let source = RandomBoxes(count: ProposalRecall.counts.last!, seed: seed)
      return NamedSource(name: name, make: { _ in source }, isNested: true)
    default:
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder), isFolder.boolValue else {
        throw ValidationError("--proposals \(name) is neither edgeboxes, sliding, random nor a folder.")
      }
      let source = FolderOfProposals(
        folder: name, convention: .init(firstPixel: firstPixel, endsInside: !exclusiveEnds))
      return NamedSource(name: name, make: { _ in source }, isNested: true)
    }
  }

  private func measure(
    _ source: NamedSource, _ directory: VOCDirectory, _ images: [ListedImage], workers: WorkerPool
  ) throws -> Report {
    let parts = try forEach(images, workers: workers, name: source.name) { image in
      let (photograph, mask) = try directory.loadWithMask(image)
      let objects = MaskObject.all(in: mask)
      let started = MonotonicClock.now
      let nested = source.isNested ? try source.make(0).proposals(for: photograph, id: image.id) : []
      let seconds = MonotonicClock.now - started
      var part = Part(boxes: nested.count, seconds: seconds)
      func boxes(_ count: Int) throws -> [ScoredBox] {
        source.isNested ? nested : try source.make(count).proposals(for: photograph, id: image.id)
      }
      try part.large.add(objects.filter { $0.area >= minArea }, boxes: boxes)
      try part.all.add(objects, boxes: boxes)
      return part
    }
    var sum = Part()
    for part in parts {
      sum.large.add(part.large)
      sum.all.add(part.all)
      sum.boxes += part.boxes
      sum.seconds += part.seconds
    }
    return Report(
      proposals: source.name, images: images.count, minArea: minArea, large: .init(sum.large), all: .init(sum.all),
      boxesPerImage: source.isNested ? Double(sum.boxes) / Double(images.count) : nil,
      secondsPerImage: source.isNested ? sum.seconds / Double(images.count) : nil)
  }

  private struct Part: Sendable {
    var large = ProposalRecall()
    var all = ProposalRecall()
    var boxes = 0
    var seconds = 0.0
  }

  /// Returns the results in the order of the images, or throws the error of the first image that has one.
  @discardableResult
  private func forEach<T>(
    _ images: [ListedImage], workers: WorkerPool, name: String, _ body: @Sendable (ListedImage) throws -> T
  ) throws -> [T] {
    var results: [T] = []
    // In portions, so that there is progress to show.
    for start in stride(from: 0, to: images.count, by: 16) {
      results += try workers.map(Array(images[start..<min(start + 16, images.count)]), body)
      showProgress("\(name): \(start)/\(images.count) images", isLast: start + 16 >= images.count)
    }
    return results
  }

  // MARK: Reports

  private struct Report: Encodable {
    struct Rows: Encodable {
      var objects: Int
      /// The recall by IoU, then by number of boxes.
      var recall: [String: [String: Double]]

      init(_ recall: ProposalRecall) {
        objects = recall.objects
        self.recall = [:]
        for (row, overlap) in ProposalRecall.overlaps.enumerated() {
          for (column, count) in ProposalRecall.counts.enumerated() {
            self.recall["\(overlap)", default: [:]]["\(count)"] = recall.recall(overlap: row, count: column)
          }
        }
      }
    }

    var proposals: String
    var images: Int
    var minArea: Int
    var large: Rows
    var all: Rows
    var boxesPerImage: Double?
    var secondsPerImage: Double?
  }

  private static func table(_ reports: [Report], images: Int, minArea: Int) -> String {
    var lines = ["\(images) images. Objects found in %, by the number of boxes"]
    for (title, rows) in [
      ("regions of \(minArea) pixels and more", \Report.large), ("all regions", \Report.all),
    ] {
      lines.append("")
      lines.append("\(title): \(reports[0][keyPath: rows].objects)")
      var cells = [["IoU"] + ProposalRecall.counts.map { "\($0)" } + ["proposals"]]
      for overlap in ProposalRecall.overlaps {
        for report in reports {
          let recall = report[keyPath: rows].recall["\(overlap)"] ?? [:]
          cells.append(
            ["\(overlap)"]
              + ProposalRecall.counts.map { recall["\($0)"].map { String(format: "%.1f", 100 * $0) } ?? "-" }
              + [report.proposals])
        }
      }
      lines += TextTable.lines(cells, columns: [.left] + ProposalRecall.counts.map { _ in .right } + [.left])
    }
    lines.append("")
    for report in reports {
      guard let boxes = report.boxesPerImage, let seconds = report.secondsPerImage else { continue }
      lines.append(
        "\(report.proposals): \(String(format: "%.0f", boxes)) boxes, \(String(format: "%.3f", seconds)) s of "
          + "one core per image"
      )
    }
    return lines.joined(separator: "\n")
  }
}
