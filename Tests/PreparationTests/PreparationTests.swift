// Tests of the conversion of VOC and SBD for training.
import Compute
import Datasets
import Foundation
import Images
import Preparation
import Support
import Testing

@Suite struct PreparationTests {
  @Test("Lists, masks and labels are written.")
  func listsMasksAndLabels() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    let report = try scratch.prepare(output: "out")
    #expect(report.training == ["own1", "own2", "sbd1", "sbd2"] && report.validation == ["own3"])
    #expect(report.written == 5 && report.origins == [.own: 3, .sbd: 2] && report.annotated == 1)
    // The numbers are not those in the literature.
    #expect(report.diagnostics.map(\.kind) == ["counts"])
    #expect(try scratch.text("out/ImageSets/Segmentation/train_aug.txt") == "own1\nown2\nsbd1\nsbd2\n")
    #expect(try scratch.text("out/ImageSets/Segmentation/val.txt") == "own3\n")
    func mask(_ id: String) throws -> IndexImage {
      try PNG.decodeIndices(file: "\(scratch.path)/out/SegmentationClassAug/\(id).png")
    }
    // VOC's own masks have precedence, with 255.
    #expect(try mask("own1") == Scratch.mask(1) && mask("own3") == Scratch.mask(15))
    #expect(try mask("sbd1") == Fixture.mask(17, 11) && mask("sbd2") == Fixture.mask(17, 11))
    #expect(try PNG.palette(scratch.read("out/SegmentationClassAug/sbd1.png"))?[15] == VOCPalette.color(15))
    // The result can be read for training and passes the check.
    let voc = try VOCDirectory(root: "\(scratch.path)/out")
    #expect(try voc.images(list: "ImageSets/Segmentation/train_aug.txt").count == 4)
    let labels = try voc.imageLabels(ids: ["own1", "note1"], workers: WorkerPool(threads: 1))
    #expect(labels.map { l in l.indices.filter { l[$0] } } == [[0], [14, 19]])
    let check = DatasetCheck(
      voc, lists: ["train_aug", "train", "val"].map { "ImageSets/Segmentation/\($0).txt" },
      workers: WorkerPool(threads: 2))
    #expect(check.diagnostics.isEmpty && check.images == 5 && check.masks == 5)
    #expect(report.statistics(report.training).imagesPerClass[0] == 3)
    #expect(scratch.names("voc").contains("SegmentationClassAug") == false)
  }

  @Test("A second run checks only what has changed.")
  func aSecondRunLooksOnlyAtChanges() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    // The output is VOC's own folder.
    let first = try scratch.prepare()
    #expect(first.written == 5)
    let bytes = try scratch.read("voc/SegmentationClassAug/own2.png")
    let second = try scratch.prepare()
    #expect(
      second.unchanged == 5 && second.written == 0 && second.facts == first.facts && second.training == first.training)
    try scratch.write(PNG.encode(Scratch.mask(7)), to: "voc/SegmentationClass/own2.png")
    try FileManager.default.removeItem(atPath: "\(scratch.path)/voc/SegmentationClassAug/sbd1.png")
    let third = try scratch.prepare()
    #expect(third.unchanged == 3 && third.written == 2)
    #expect(try scratch.read("voc/SegmentationClassAug/own2.png") != bytes)
    // Without the state everything is checked, and nothing is written.
    try FileManager.default.removeItem(atPath: "\(scratch.path)/voc/.dnet-prepare.json")
    let fourth = try scratch.prepare()
    #expect(fourth.verified == 5 && fourth.written == 0)
    try scratch.write("{ damaged", to: "voc/.dnet-prepare.json")
    #expect(try scratch.prepare().verified == 5)
  }

  @Test("The number of threads makes no difference.")
  func threadsMakeNoDifference() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    for threads in 1...3 { _ = try scratch.prepare(output: "out\(threads)", threads: threads) }
    for name in ["SegmentationClassAug/own1.png", "SegmentationClassAug/sbd2.png", "ImageSets/image_labels.txt"] {
      #expect(try scratch.read("out1/\(name)") == scratch.read("out2/\(name)"))
      #expect(try scratch.read("out1/\(name)") == scratch.read("out3/\(name)"))
    }
  }

  @Test("Merged folders and lists replace SBD.", arguments: ["train_aug", "trainaug"]) func mergedSets(name: String)
    throws
  {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    try scratch.write(PNG.encodeGrey(Scratch.mask(4)), to: "voc/SegmentationClassAug/sbd1.png")
    try scratch.write(
      "/JPEGImages/sbd1.jpg /SegmentationClassAug/sbd1.png\r\n/JPEGImages/own2.jpg /SegmentationClassAug/own2.png\r\n"
        + "/JPEGImages/own1.jpg /SegmentationClassAug/own1.png", to: "voc/ImageSets/Segmentation/\(name).txt")
    let report = try scratch.prepare(sbd: false, output: "out")
    #expect(report.training == ["sbd1", "own2", "own1"] && report.origins == [.own: 3, .merged: 1])
    #expect(try scratch.text("out/ImageSets/Segmentation/train_aug.txt") == "sbd1\nown2\nown1\n")
    #expect(try PNG.decodeIndices(file: "\(scratch.path)/out/SegmentationClassAug/sbd1.png") == Scratch.mask(4))
    // A merged folder without a list gives all its masks.
    try FileManager.default.removeItem(atPath: "\(scratch.path)/voc/ImageSets/Segmentation/\(name).txt")
    #expect(try scratch.prepare(sbd: false, output: "other").training == ["own1", "own2", "sbd1"])
  }

  @Test("Existing masks and lists of other contents are not overwritten.")
  func masksInTheWayAreNotOverwritten() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    try scratch.write(PNG.encode(Scratch.mask(9)), to: "voc/SegmentationClassAug/own1.png")
    let text = scratch.fault(try scratch.prepare())
    #expect(text.contains("SegmentationClassAug/own1.png") && text.contains("--output"))
    #expect(try PNG.decodeIndices(file: "\(scratch.path)/voc/SegmentationClassAug/own1.png") == Scratch.mask(9))
    // In another folder it is a warning with the number of differing pixels: all but the column of 255.
    let report = try scratch.prepare(output: "out")
    let warning = try #require(report.diagnostics.first { $0.kind == "merged masks that differ" })
    #expect(warning.text.contains("in 176 of 187 pixels") && report.diagnostics.faults == 0)
    // Lists are not overwritten either.
    try scratch.write("own1\nown2\n", to: "second/ImageSets/Segmentation/train_aug.txt")
    let list = scratch.fault(try scratch.prepare(output: "second"))
    #expect(list.contains("second/ImageSets/Segmentation/train_aug.txt") && list.contains("4 images"))
  }

  @Test("Missing files are faults, unless they are skipped.")
  func missingFiles() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    try FileManager.default.removeItem(atPath: "\(scratch.path)/voc/JPEGImages/sbd2.jpg")
    let text = scratch.fault(try scratch.prepare(output: "out"))
    #expect(text.contains("JPEGImages/sbd2.jpg") && text.contains("--skip-missing"))
    #expect(!scratch.exists("out/ImageSets/Segmentation/train_aug.txt"))
    let report = try scratch.prepare(output: "out", skipsMissing: true)
    #expect(report.training == ["own1", "own2", "sbd1"] && report.skipped == 1)
    try FileManager.default.removeItem(atPath: "\(scratch.path)/sbd/dataset/cls/sbd1.mat")
    let mask = scratch.fault(try scratch.prepare(output: "other", skipsMissing: true))
    #expect(mask.contains("no mask for sbd1") && mask.contains("sbd/dataset/cls"))
    #expect(throws: PreparationError.noSBD(path: scratch.path)) {
      try PreparationSources(root: "\(scratch.path)/voc", sbd: scratch.path)
    }
    #expect(throws: DatasetError.self) { try PreparationSources(root: scratch.path, sbd: nil) }
    try FileManager.default.removeItem(atPath: "\(scratch.path)/voc/ImageSets/Segmentation/val.txt")
    #expect(throws: DatasetError.self) { try scratch.sources() }
  }

  @Test("RGB masks are converted.")
  func colouredMasksAreConverted() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    func colored(_ mask: IndexImage) -> RGBImage {
      var image = RGBImage(width: mask.width, height: mask.height)
      for y in 0..<mask.height { for x in 0..<mask.width { image[x, y] = VOCPalette.color(mask[x, y]) } }
      return image
    }
    var image = colored(Scratch.mask(13))
    try scratch.write(PNG.encode(image), to: "voc/SegmentationClass/own2.png")
    let report = try scratch.prepare(output: "out")
    #expect(report.converted == 1)
    #expect(try PNG.decodeIndices(file: "\(scratch.path)/out/SegmentationClassAug/own2.png") == Scratch.mask(13))
    // A colour between those of two classes, as after smoothing.
    image[5, 6] = Color(64, 65, 64)
    try scratch.write(PNG.encode(image), to: "voc/SegmentationClass/own2.png")
    let text = scratch.fault(try scratch.prepare(output: "other"))
    #expect(text.contains("own2.png") && text.contains("(64, 65, 64) at x 5, y 6"))
    // A mask in the merged folder itself is converted in place.
    let second = try Scratch()
    defer { second.remove() }
    try second.addVOC()
    try second.write(PNG.encode(colored(Scratch.mask(6))), to: "voc/SegmentationClassAug/sbd1.png")
    #expect(try second.prepare(sbd: false).converted == 1)
    #expect(try PNG.decodeIndices(file: "\(second.path)/voc/SegmentationClassAug/sbd1.png") == Scratch.mask(6))
    let again = try second.prepare(sbd: false)
    #expect(again.unchanged == 4 && again.written == 0)
  }

  @Test("Each damaged file is named with its fault, and no list is written.")
  func damagedFiles() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    func expect(
      _ name: String, _ bytes: [UInt8], _ words: [String], at place: SourceLocation = #_sourceLocation
    ) throws {
      let whole = try scratch.read(name)
      try scratch.write(bytes, to: name)
      let text = scratch.fault(try scratch.prepare(output: "out"), place)
      for word in words + [name] { #expect(text.contains(word), "\(text)", sourceLocation: place) }
      #expect(!scratch.exists("out/ImageSets/Segmentation/train_aug.txt"), sourceLocation: place)
      try scratch.write(whole, to: name)
    }
    try scratch.addVOC()
    let photograph = try scratch.read("voc/JPEGImages/own1.jpg")
    let mask = try scratch.read("voc/SegmentationClass/own1.png")
    try expect("voc/JPEGImages/own1.jpg", Array(photograph.dropLast(12)), ["not an intact JPEG", "fetch it again"])
    try expect("voc/JPEGImages/own1.jpg", [], ["neither JPEG nor PNG"])
    try expect("voc/SegmentationClass/own1.png", Array(mask.dropLast(20)), ["not an intact PNG", "fetch it again"])
    var flipped = mask
    flipped[mask.count - 20] ^= 4
    try expect("voc/SegmentationClass/own1.png", flipped, ["not an intact PNG"])
    let other = PNG.encode(IndexImage(width: 11, height: 17, index: 1))
    try expect("voc/SegmentationClass/own1.png", other, ["11 x 17", "17 x 11", "fetch both"])
    try expect("voc/SegmentationClass/own1.png", PNG.encode(Scratch.mask(21)), ["index 21", "x 0, y 0"])
    let matlab = try Fixture.bytes("small")
    try expect("sbd/dataset/cls/sbd1.mat", Array(matlab.dropLast(9)), ["not an intact MATLAB", "fetch it again"])
    try expect("sbd/dataset/cls/sbd1.mat", Fixture.bytes("tall"), ["3 x 40", "17 x 11"])
    try expect(
      "voc/Annotations/note1.xml", Array(Fixture.annotation.utf8.dropLast(30)), ["fetch the annotations again"])
    #expect(try scratch.prepare(output: "out").diagnostics.faults == 0)
  }

  @Test("An EXIF orientation is a warning.")
  func turnedPhotographsAreSaid() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    let exif: [UInt8] =
      [0xFF, 0xE1, 0, 34] + Array("Exif\0\0".utf8) + [
        0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 3, 0, 0,
      ]
      + [0, 0, 0, 0]
    let bytes = try scratch.read("voc/JPEGImages/own1.jpg")
    try scratch.write(bytes[..<2] + exif + bytes[2...], to: "voc/JPEGImages/own1.jpg")
    // The second run takes it from the state.
    for _ in 0..<2 {
      let report = try scratch.prepare(output: "out")
      let warning = try #require(report.diagnostics.first { $0.severity == .warning && $0.kind.contains("EXIF") })
      #expect(warning.text.contains("own1.jpg has EXIF orientation 3") && warning.text.contains("180"))
      #expect(report.diagnostics.faults == 0 && !report.training.isEmpty)
    }
  }

  @Test("Repeated ids are used once.")
  func repeatedIdsAreTakenOnce() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.addVOC()
    try scratch.write("own1\nown2\nown1", to: "voc/ImageSets/Segmentation/train.txt")
    let report = try scratch.prepare(output: "out")
    #expect(report.training == ["own1", "own2", "sbd1", "sbd2"])
    #expect(
      report.diagnostics.contains {
        $0.kind == "lists that repeat ids" && $0.text.contains("train.txt names 1 ids more than once, such as own1")
      })
  }

  @Test("A full disk leaves no partial files.", .enabled(if: SmallDisk.canBeMounted, SmallDisk.needed))
  func aFullDiskLeavesNothingHalfWritten() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try FileManager.default.createDirectory(atPath: "\(scratch.path)/small", withIntermediateDirectories: true)
    try #require(SmallDisk.mount("\(scratch.path)/small"))
    defer { _ = SmallDisk.run("umount", "\(scratch.path)/small") }
    try scratch.addVOC()
    let ids = (0..<60).map { "noise\($0)" }
    for (number, id) in ids.enumerated() {
      var state = UInt32(number + 1)
      let indices = (0..<120 * 90).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(state >> 24) % 21
      }
      try scratch.photograph(id, width: 120, height: 90)
      try scratch.write(
        PNG.encode(IndexImage(width: 120, height: 90, indices: indices)), to: "voc/SegmentationClass/\(id).png")
    }
    try scratch.write((["own1", "own2"] + ids).map { $0 + "\n" }.joined(), to: "voc/ImageSets/Segmentation/train.txt")
    let error = #expect(throws: FileError.self) { try scratch.prepare(output: "small/out") }
    let text = try #require(error).description
    #expect(
      text.contains("small/out/SegmentationClassAug/") && text.contains("No space left on device")
        && !text.contains("partial"))
    let names = scratch.names("small/out/SegmentationClassAug")
    #expect(names.count > 2 && names.allSatisfy { $0.hasSuffix(".png") })
    for name in names { _ = try PNG.decodeIndices(file: "\(scratch.path)/small/out/SegmentationClassAug/\(name)") }
    #expect(!scratch.exists("small/out/ImageSets/Segmentation/train_aug.txt"))
    // With more space it continues where it stopped.
    try #require(SmallDisk.run("mount", "-o", "remount,size=8m", "\(scratch.path)/small"))
    let report = try scratch.prepare(output: "small/out")
    #expect(report.training.count == 64 && report.written == 65 - names.count)
  }

  /// The photographs that are here, with some of SBD's MATLAB files. The merged masks are the reference.
  @Test("The real photographs are prepared, with masks of SBD.", .enabled(if: RealVOC.isPresent, RealVOC.whereMissing))
  func realPhotographs() throws {
    let root = "\(RealVOC.folder)/VOCdevkit/VOC2012"
    let scratch = try Scratch()
    defer { scratch.remove() }
    let sources = try PreparationSources(root: root, sbd: "\(RealVOC.folder)/SBD")
    let listed = (training: sources.augmentedTraining.count, validation: Set(sources.validation).count)
    #expect(listed.training == Preparation.expected.training && listed.validation == Preparation.expected.validation)
    // The expected values come from the folders themselves.
    let photographs = Set(try FileManager.default.contentsOfDirectory(atPath: root + "/JPEGImages"))
    let sbdMasks = Set(try FileManager.default.contentsOfDirectory(atPath: "\(RealVOC.folder)/SBD/dataset/cls"))
    func present(_ list: String) throws -> [String] {
      try ImageList.read("\(root)/ImageSets/Segmentation/\(list).txt").map(\.id)
        .filter { photographs.contains("\($0).jpg") }
    }
    let (training, validation) = (try present("train_aug"), try present("val"))
    let images = training + validation
    let fromSBD = images.count { sbdMasks.contains("\($0).mat") }
    try #require(!training.isEmpty && !validation.isEmpty && fromSBD > 0)
    let preparation = Preparation(sources, output: "\(scratch.path)/out", skipsMissing: true)
    let report = try preparation.run(workers: WorkerPool(threads: 2))
    #expect(report.diagnostics.isEmpty, "\(report.diagnostics.prefix(3))")
    #expect(report.training == training && report.validation == validation)
    #expect(report.skipped == listed.training + listed.validation - images.count)
    #expect(report.origins == [.sbd: fromSBD, .merged: images.count - fromSBD])
    let again = try preparation.run(workers: WorkerPool(threads: 2))
    #expect(again.unchanged == images.count && again.facts == report.facts)
  }
}
