// Tests of the diagnostics of `dnet data check`.
import Compute
import Datasets
import Foundation
import Images
import Support
import Testing

@Suite struct DatasetCheckTests {
  func check(_ scratch: Scratch, _ lists: [String] = ["l.txt"], threads: Int = 2) throws -> DatasetCheck {
    DatasetCheck(try VOCDirectory(root: scratch.path, classes: 4), lists: lists, workers: WorkerPool(threads: threads))
  }

  @Test("A valid dataset has no diagnostics.")
  func aGoodSet() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [0, 1, 255, 4])
    try scratch.add("b", mask: nil)
    try scratch.write("b  1\n", to: "ImageSets/Main/boat_train.txt")
    try scratch.write("/JPEGImages/a.jpg /SegmentationClassAug/a.png\r\nb", to: "l.txt")
    try scratch.write("a\n", to: "val.txt")
    let result = try check(scratch)
    #expect(result.diagnostics.isEmpty && result.images == 2 && result.masks == 1 && result.lists == 1)
  }

  @Test("Every kind of fault is reported exactly once, for any number of threads.", arguments: [1, 3])
  func everyFaultIsNamed(threads: Int) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let ids = ["good", "cut", "page", "gone", "small", "turned", "strange", "coloured", "deep", "broken", "bare"]
    for id in ids { try scratch.add(id, mask: id == "bare" ? nil : [1, 1, 1, 0]) }
    func file(_ name: String) -> String { "\(scratch.path)/\(name)" }
    let photograph = try FileBytes.read(file("JPEGImages/cut.jpg"))
    try scratch.write(Array(photograph.dropLast(30)), to: "JPEGImages/cut.jpg")
    try scratch.write("<html>", to: "JPEGImages/page.jpg")
    try FileManager.default.removeItem(atPath: file("JPEGImages/gone.jpg"))
    try scratch.write(PNG.encode(IndexImage(width: 6, height: 3, index: 1)), to: "SegmentationClassAug/small.png")
    // A rotation by 90 degrees shows in the size.
    try scratch.write(PNG.encode(IndexImage(width: 4, height: 6, index: 1)), to: "SegmentationClassAug/turned.png")
    try scratch.write(PNG.encode(IndexImage(width: 6, height: 4, index: 5)), to: "SegmentationClassAug/strange.png")
    try scratch.write(PNG.encode(RGBImage(width: 6, height: 4)), to: "SegmentationClassAug/coloured.png")
    let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../ImagesTests/Golden/grey16.png"
    try scratch.write(FileBytes.read(golden), to: "SegmentationClassAug/deep.png")
    let mask = try FileBytes.read(file("SegmentationClassAug/broken.png"))
    try scratch.write(Array(mask.dropLast(13)), to: "SegmentationClassAug/broken.png")
    try scratch.write((ids + ["good"]).joined(separator: "\r\n"), to: "l.txt")
    let found = try check(scratch, ["l.txt", "absent.txt"], threads: threads).diagnostics
    #expect(found.faults == found.count)
    let expected = [
      ["l.txt, line 12", "good is on line 1 already", "take one out"], ["absent.txt", "check the path"],
      ["cut.jpg", "not an intact JPEG"], ["page.jpg", "neither JPEG nor PNG"], ["there is no", "gone.jpg", "fetch it"],
      ["small.png", "6 x 3", "6 x 4"], ["turned.png", "4 x 6", "6 x 4"], ["strange.png", "index 5", "x 0, y 0"],
      ["coloured.png", "RGB"], ["deep.png", "16 bits"], ["broken.png", "not an intact PNG"],
      ["no labels for bare", "dnet data prepare"],
    ]
    #expect(found.count == expected.count, "\(found.map(\.text))")
    for words in expected {
      #expect(found.count { diagnostic in words.allSatisfy(diagnostic.text.contains) } == 1, "\(words)")
    }
    #expect(try check(scratch, ["l.txt", "absent.txt"], threads: 2).diagnostics == found)
  }

  @Test("Lists that leak validation images or were edited are faults.")
  func listsThatLeakOrWereChanged() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    for id in ["a", "b", "c"] { try scratch.add(id, mask: [1, 1, 1, 0]) }
    try scratch.write("b\na\n", to: "train_aug.txt")
    try scratch.write("b\nc\n", to: "val.txt")
    try scratch.write("a\nb\nc\n", to: "trainval.txt")
    let leak = try check(scratch, ["train_aug.txt", "val.txt", "trainval.txt"]).diagnostics
    #expect(leak.count == 1 && leak[0].text.contains("share 1 images, such as b"))
    try ListFile.write(["a", "b"], comments: [], to: scratch.path + "/l.txt")
    #expect(try check(scratch).diagnostics.isEmpty)
    let bytes = try FileBytes.read(scratch.path + "/l.txt")
    try scratch.write(Array(bytes.dropLast(2)), to: "l.txt")
    let changed = try check(scratch).diagnostics
    #expect(changed.count == 1 && changed[0].text.contains("cut or edited"))
  }

  @Test("EXIF orientations and reordered palettes are warnings.")
  func turnedPhotographsAndSortedPalettesAreWarnings() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [1, 1, 1, 0])
    let exif: [UInt8] =
      [0xFF, 0xE1, 0, 34] + Array("Exif\0\0".utf8) + [
        0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0,
      ]
      + [0, 0, 0, 0]
    let bytes = try FileBytes.read(scratch.path + "/JPEGImages/a.jpg")
    try scratch.write(bytes[..<2] + exif + bytes[2...], to: "JPEGImages/a.jpg")
    // The palette entries 0 and 1 exchanged, with a valid checksum.
    var mask = PNG.encode(IndexImage(width: 6, height: 4, index: 1))
    let start = 41
    mask.swapAt(start, start + 3)
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in mask[start - 4..<start + 768] {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    for i in 0..<4 { mask[start + 768 + i] = UInt8(truncatingIfNeeded: ~crc >> UInt32(24 - 8 * i)) }
    try scratch.write(mask, to: "SegmentationClassAug/a.png")
    try scratch.write("a\n", to: "l.txt")
    let found = try check(scratch).diagnostics
    #expect(found.warnings == 2 && found.faults == 0)
    #expect(found[0].text.contains("EXIF orientation 2 (mirrored)") && found[0].text.contains("exiftool"))
    #expect(found[1].text.contains("that of class 0 at index 1"))
    #expect(found.lines(limit: 5).allSatisfy { $0.hasPrefix("warning  ") })
  }

  @Test("Grey, CMYK and progressive photographs are accepted.", arguments: ["grey", "cmyk", "progressive"])
  func otherJPEGs(name: String) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", width: 32, height: 24, mask: [UInt8](repeating: 1, count: 24))
    let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../ImagesTests/Golden/\(name).jpg"
    try scratch.write(FileBytes.read(golden), to: "JPEGImages/a.jpg")
    try scratch.write("a\n", to: "l.txt")
    #expect(try check(scratch).diagnostics.isEmpty)
  }

  @Test("Diagnostics above the limit of a kind are counted.")
  func manyDiagnosticsAreCounted() {
    let diagnostics =
      (0..<30).map { Diagnostic(.fault, "things", "thing \($0)") } + [Diagnostic(.warning, "things", "w")]
    let lines = diagnostics.lines(limit: 3)
    #expect(
      lines == [
        "FAULT    thing 0", "FAULT    thing 1", "FAULT    thing 2", "FAULT    ... and 27 more of this kind: things",
        "warning  w",
      ])
  }
}
