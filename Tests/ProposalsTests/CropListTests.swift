// Tests of crop lists: lines against a naive twin, round trips of text and bytes, and every fault of a line.
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Support
import Testing

/// A grid of boxes in place of EdgeBoxes, independent of the contents of the image.
struct GridSource: ProposalSource {
  func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    (0..<4).flatMap { y in
      (0..<4).map { x in
        let (w, h) = (image.width / 2, image.height / 2)
        return ScoredBox(
          Box(x1: x * w / 4, y1: y * h / 4, x2: x * w / 4 + w, y2: y * h / 4 + h), score: 1 / Float(1 + 4 * y + x))
      }
    }
  }
}

@Suite struct CropListTests {
  /// Images whose masks show the given numbers of twelve classes, one class per row.
  struct Set {
    let path: String
    let directory: VOCDirectory
    let images: [ListedImage]
    let labels: [LabelVector]

    init(labels counts: [Int]) throws {
      path = NSTemporaryDirectory() + "dnet-crops-\(UUID().uuidString)"
      for folder in ["JPEGImages", "SegmentationClassAug"] {
        try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: true)
      }
      for (number, count) in counts.enumerated() {
        var mask = IndexImage(width: 40 + number, height: 30)
        for label in 0..<count {
          for x in 5 + label..<20 + label { mask[x, 2 + 2 * label] = UInt8(label + 1) }
        }
        mask[0, 0] = 255
        try JPEG.write(
          RGBImage(width: 40 + number, height: 30, color: Color(9, 90, 200)), to: "\(path)/JPEGImages/im\(number).jpg")
        try PNG.write(mask, to: "\(path)/SegmentationClassAug/im\(number).png")
      }
      directory = try VOCDirectory(root: path, classes: 12)
      images = counts.indices.map { ListedImage(id: "im\($0)") }
      labels = try directory.imageLabels(images, workers: WorkerPool(threads: 1))
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func job(_ source: (any ProposalSource)? = GridSource(), perCombination: Int = 6, seed: UInt64 = 3) throws
      -> CropListJob
    {
      try CropListJob(
        directory, images, labels: labels, cropping: CombinatorialCropping(perCombination: perCombination, seed: seed),
        source: source, sourceText: "a grid")
    }
  }

  /// Returns the whole list, with the digest in the header like the writer.
  func text(_ job: CropListJob) throws -> String {
    let body = try job.units.flatMap { try job.text(of: $0) }
    var header = Array(job.header.utf8)
    let digest = Array(SHA256.hex(of: String(decoding: body, as: UTF8.self)).utf8)
    header.replaceSubrange(CropListText.digestOffset..<CropListText.digestOffset + 64, with: digest)
    return String(decoding: header + body, as: UTF8.self)
  }

  /// 511 combinations are two units; an image without a label has none.
  @Test("The lines equal those of the naive twin.")
  func linesEqualTheNaiveTwin() throws {
    let set = try Set(labels: [1, 0, 3, 9])
    defer { set.remove() }
    let job = try set.job()
    #expect(job.units.map(\.image) == [0, 1, 2, 2])
    #expect(job.units.map(\.combinations) == [0..<1, 0..<7, 0..<256, 256..<511])
    let lines = try text(job).split(separator: "\n").map(String.init)
    #expect(lines.filter { $0.hasPrefix("#") }.count == 4)
    var expected: [String] = []
    for (number, count) in [1, 0, 3, 9].enumerated() where count > 0 {
      let (photograph, mask) = try set.directory.loadWithMask(set.images[number])
      func add(_ box: Box, _ chosen: Int) {
        let columns = (0..<12).map { chosen >> $0 & 1 == 1 ? "1" : "0" }.joined(separator: " ")
        expected.append(
          "/JPEGImages/im\(number).jpg /SegmentationClassAug/im\(number).png "
            + "\(box.x1) \(box.y1) \(box.x2) \(box.y2) \(columns)"
        )
      }
      add(Box(width: 40 + number, height: 30), 1 << count - 1)
      for chosen in 1..<1 << count {
        let combination = LabelCombination(bits: UInt64(chosen))
        let boxes = job.cropping.boxes(
          of: combination, foreground: combination.foreground(of: mask)!, id: "im\(number)", width: 40 + number,
          height: 30,
          proposals: GridSource().proposals(for: photograph, id: ""))
        boxes.forEach { add($0, chosen) }
      }
    }
    #expect(Array(lines[4...]) == expected)
    #expect(expected.count == job.count.total && expected.count == 3 + 6 * (1 + 7 + 511))
    #expect(expected.contains { $0.contains(" -") }, "some box should leave the image")
  }

  @Test("A list is read as it was written.")
  func aListIsReadAsItWasWritten() throws {
    let set = try Set(labels: [2, 3])
    defer { set.remove() }
    let job = try set.job()
    let text = try text(job)
    let list = try CropListReader.parse(text, name: "l.txt")
    #expect(list.ids == ["im0", "im1"] && list.records.count == job.count.total && list.origin == job.origin)
    #expect(list.firstLines == [5, UInt32(5 + 1 + 6 * 3)])
    for (record, line) in zip(list.records, text.split(separator: "\n").dropFirst(4)) {
      let fields = line.split(separator: " ").map(String.init)
      #expect(fields[0] == "/JPEGImages/im\(record.image).jpg")
      #expect(fields[2...5].map { Int16($0)! } == [record.x1, record.y1, record.x2, record.y2])
      #expect(fields[6...].enumerated().allSatisfy { ($1 == "1") == (record.labels >> UInt32($0) & 1 == 1) })
    }
    #expect(CropList(encoded: list.encoded) == list)
    var cut = list.encoded
    cut.removeLast()
    #expect(CropList(encoded: cut) == nil && CropList(encoded: []) == nil)
    // The x2 of the last crop is set below its x1.
    var turned = list.encoded
    turned.replaceSubrange(turned.count - 4..<turned.count - 2, with: [0, 0x80])
    #expect(CropList(encoded: turned) == nil)
    // CRLF line ends, blank lines, tabs and a missing last byte give the same list with the same digest.
    for other in [
      text.replacing("\n", with: "\r\n"), String(text.dropLast()), text.replacing("\n", with: "  \n\n"),
      String(text.replacing("\n", with: "\r\n").dropLast()),
    ] {
      let found = try CropListReader.parse(other, name: "l.txt")
      #expect(found.records == list.records && found.digest == list.digest)
    }
    // Without the header, like the list of another tool.
    let bare = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\n")
    let found = try CropListReader.parse(bare, name: "l.txt")
    #expect(found.records == list.records && found.digest == list.digest && found.origin.isEmpty)
  }

  static let good = "/J/a.jpg /S/a.png 1 2 10 20 0 1 0"

  @Test(
    "A faulty line is an error with what to do.",
    arguments: [
      ("/J/a.jpg /S/a.png 1 2 10 20", "line 2: 6 fields", "7 to 38"),
      ("/J/a.jpg /S/a.png 1 2 10", "line 2: 5 fields", "instead of"),
      ("/J/a.jpg", "line 2: 1 fields", "instead of"),
      ("/J/a.jpg /S/a.png 1 2 10 20 0 1", "line 2: 8 fields", "instead of 9"),
      ("/J/a.jpg /S/a.png 1 2 10 20 0 1 0 0", "line 2: 10 fields", "instead of 9"),
      ("/J/a.jpg /S/a.png 1 2 ten 20 0 1 0", "line 2: x2 is \"ten\"", "integer"),
      ("/J/a.jpg /S/a.png 1 2 10 40000 0 1 0", "line 2: y2 is \"40000\"", "integer"),
      ("/J/a.jpg /S/a.png 1 - 10 20 0 1 0", "line 2: y1 is \"-\"", "integer"),
      ("/J/a.jpg /S/a.png 1.5 2 10 20 0 1 0", "line 2: x1 is \"1.5\"", "integer"),
      ("/J/a.jpg /S/a.png 11 2 10 20 0 1 0", "line 2: the box 11 2 10 20 ends before", "correct the line"),
      ("/J/a.jpg /S/a.png 1 21 10 20 0 1 0", "line 2: the box 1 21 10 20", "data propose"),
      ("/J/a.jpg /S/a.png 1 2 10 20 0 2 0", "line 2: c2 is \"2\"", "0 or 1"),
      ("/J/a.jpg /S/a.png 1 2 10 20 0 0 0", "line 2: no class", "remove the line"),
      ("/J/a.jpg /S/b.png 1 2 10 20 0 1 0", "line 2: the image is a, but the mask is that of b", "correct"),
    ])
  func badLines(line: String, says: String, next: String) {
    // The line is the last one or in the middle, with line ends of both kinds.
    for end in ["\n", "\r\n"] {
      for lines in [[Self.good, line], [Self.good, line, Self.good]] {
        // A wrong number of columns is detected only after another line.
        let error = #expect(throws: CropListError.self) {
          try CropListReader.parse(lines.joined(separator: end) + end, name: "l.txt")
        }
        let text = error.map { "\($0)" } ?? ""
        let wanted = next == "7 to 38" ? "instead of 9" : next
        #expect(text.contains("l.txt, \(says)") && text.contains(wanted), "\(text)")
      }
    }
  }

  @Test("Truncated and edited lists are errors.")
  func listsThatAreNotWhole() throws {
    let set = try Set(labels: [2])
    defer { set.remove() }
    let text = try text(set.job())
    let lines = text.split(separator: "\n").map(String.init)
    func error(_ lines: [String]) -> String {
      let error = #expect(throws: CropListError.self) {
        try CropListReader.parse(lines.joined(separator: "\n"), name: "l.txt")
      }
      return error.map { "\($0)" } ?? ""
    }
    // 19 crops after 4 lines of header.
    #expect(lines.count == 23)
    let short = error(Array(lines.dropLast(3)))
    #expect(short.contains("ends after line 20 with 16 crops, its header says 19") && short.contains("cut short"))
    #expect(error(lines.dropLast() + [String(lines.last!.dropLast(5))]).contains("line 23"))
    // For an incomplete copy, the error must not suggest correcting a line.
    for missing in 2...150 {
      let said = #expect(throws: CropListError.self) {
        try CropListReader.parse(String(text.dropLast(missing)), name: "l.txt")
      }
      guard case .cutShort = said else {
        Issue.record("without \(missing) bytes: \(said.map { "\($0)" } ?? "")"); continue
      }
    }
    var changed = lines
    changed[10] = changed[10].replacing(" 0", with: " 1", maxReplacements: 1)
    let wrong = error(changed)
    #expect(
      wrong.contains("lines 1 to 23: SHA-256") && wrong.contains("remove the lines that begin with #"), "\(wrong)")
    #expect(error(lines + [lines.last!]).contains("SHA-256"), "a line too many")
    #expect(error(["# dnet crop list 2"] + lines.dropFirst()).contains("version 2"))
    #expect(error([""]).contains("no line with a crop"))
    #expect(throws: CropListError.self) { try CropListReader.read("/nowhere/crops.txt") }
  }

  /// A line feed ends the name where lists are packed or sent.
  @Test("A line feed in the path of a list is refused.")
  func aLineFeedInTheListsPathIsRefused() throws {
    let set = try Set(labels: [2])
    defer { set.remove() }
    let path = set.path + "/two\nlines.txt"
    try FileBytes.write(Array(try text(set.job()).utf8), to: path)
    let error = #expect(throws: CropListError.lineFeedInPath(list: path)) { try CropListReader.read(path) }
    let said = error.map { "\($0)" } ?? ""
    #expect(said.contains("two\\nlines.txt") && !said.contains("\n") && said.contains("rename"), "\(said)")
    #expect(throws: Never.self) { try CropListReader.requireOneLine("/a folder/crops\r.txt") }
  }

  @Test("The list must match the images.")
  func theListHasToFitTheImages() throws {
    let images = ["a", "b", "c"].map { ListedImage(id: $0) }
    let labels: [LabelVector] = [[true, true, false], [true, false, false], [false, false, false]]
    func select(_ text: String, chosen: [Int] = [0, 1, 2]) throws -> [CropRecord] {
      try CropListReader.parse(text, name: "l.txt").records(
        of: chosen.map { images[$0] }, labels: chosen.map { labels[$0] }, among: images, imageList: "train.txt",
        classNames: ["background", "aeroplane", "bicycle", "bird"])
    }
    let b = "/J/b.jpg /S/b.png 0 0 4 4 1 0 0"
    let records = try select([b, Self.good, b].joined(separator: "\n"))
    #expect(records.map(\.image) == [1, 0, 1] && records[1].box == Box(x1: 1, y1: 2, x2: 10, y2: 20))
    #expect(records[1].combination == LabelCombination(bits: 2))
    // Images of the list that were not chosen are skipped; positions are those among the chosen.
    #expect(try select([b, Self.good].joined(separator: "\n"), chosen: [1]).map(\.image) == [0])
    #expect(throws: CropListError.noCrops(list: "l.txt", id: "a")) { try select(b) }
    #expect(throws: CropListError.unknownImage(list: "l.txt", line: 3, id: "x", images: "train.txt")) {
      try select([b, Self.good, "/J/x.jpg /S/x.png 0 0 4 4 1 0 0"].joined(separator: "\n"))
    }
    #expect(throws: CropListError.foreignLabel(list: "l.txt", line: 2, id: "a", label: "bird")) {
      try select([b, "a.jpg a.png 0 0 4 4 0 0 1"].joined(separator: "\n"))
    }
  }

  @Test("Too many crops are refused.")
  func tooManyCropsAreRefused() throws {
    let labels: LabelVector = [Bool](repeating: true, count: 20)
    let set = try Set(labels: [1])
    defer { set.remove() }
    #expect(throws: CropListError.self) {
      _ = try CropListJob(
        set.directory, [ListedImage(id: "x")], labels: [labels],
        cropping: CombinatorialCropping(perCombination: 5000, seed: 1),
        source: nil, sourceText: "")
    }
  }
}
