// Temporary folders with a miniature VOC and SBD, and the location of the real ones.
import Compute
import Datasets
import Foundation
import Images
import Preparation
import Support
import Testing

struct Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "dnet-preparation-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) throws {
    let file = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  func read(_ name: String) throws -> [UInt8] { try FileBytes.read("\(path)/\(name)") }
  func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }
  func exists(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

  /// The names in a folder, including hidden ones.
  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []).sorted()
  }

  static let width = 17, height = 11

  func photograph(_ id: String, width: Int = width, height: Int = height) throws {
    try write(
      JPEG.encode(RGBImage(width: width, height: height, color: Color(9, 99, 200))), to: "voc/JPEGImages/\(id).jpg")
  }

  /// A mask of one class with a column of 255, like VOC's.
  static func mask(_ index: UInt8) -> IndexImage {
    var mask = IndexImage(width: width, height: height, index: index)
    for y in 0..<height { mask[3, y] = 255 }
    return mask
  }

  /// Adds two images of VOC's train (own1, own2), one of its val (own3), SBD's sbd1, sbd2, own1 and own3, and an image
  /// that has only an annotation (note1).
  func addVOC() throws {
    for id in ["own1", "own2", "own3", "sbd1", "sbd2", "note1"] { try photograph(id) }
    for (id, index) in [("own1", 1), ("own2", 2), ("own3", 15)] as [(String, UInt8)] {
      try write(PNG.encode(Self.mask(index)), to: "voc/SegmentationClass/\(id).png")
    }
    try write("own1\nown2\n", to: "voc/ImageSets/Segmentation/train.txt")
    try write("own3\n", to: "voc/ImageSets/Segmentation/val.txt")
    for id in ["own1", "own3", "sbd1"] { try write(Fixture.bytes("small"), to: "sbd/dataset/cls/\(id).mat") }
    try write(Fixture.bytes("plain"), to: "sbd/dataset/cls/sbd2.mat")
    try write("sbd1\r\nown1\r\n", to: "sbd/dataset/train.txt")
    try write("sbd2\nown3", to: "sbd/dataset/val.txt")
    try write(Fixture.annotation, to: "voc/Annotations/note1.xml")
  }

  func sources(sbd: Bool = true) throws -> PreparationSources {
    try PreparationSources(root: "\(path)/voc", sbd: sbd ? "\(path)/sbd" : nil)
  }

  func prepare(
    sbd: Bool = true, output: String? = nil, skipsMissing: Bool = false, threads: Int = 2
  ) throws -> Preparation.Report {
    let output = output.map { "\(path)/\($0)" }
    return try Preparation(sources(sbd: sbd), output: output, skipsMissing: skipsMissing).run(
      workers: WorkerPool(threads: threads))
  }

  /// Returns the text of the fault of a preparation, which must have exactly one.
  func fault(_ report: Preparation.Report, _ place: SourceLocation = #_sourceLocation) -> String {
    let faults = report.diagnostics.filter { $0.severity == .fault }
    #expect(faults.count == 1, "\(faults)", sourceLocation: place)
    #expect(report.training.isEmpty, sourceLocation: place)
    return faults.first?.text ?? ""
  }
}

enum Fixture {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    .path
  static func path(_ name: String) -> String { "\(folder)/\(name).mat" }
  static func bytes(_ name: String) throws -> [UInt8] { try FileBytes.read(path(name)) }

  /// The mask of make.py.
  static func mask(_ width: Int, _ height: Int) -> IndexImage {
    var mask = IndexImage(width: width, height: height)
    for y in 0..<height { for x in 0..<width { mask[x, y] = UInt8((x / 3 + 2 * (y / 2)) % 21) } }
    return mask
  }

  static let annotation = """
    <annotation>
      <folder>VOC2012</folder><filename>note1.jpg</filename>
      <size><width>17</width><height>11</height><depth>3</depth></size>
      <object><name>person</name><difficult>0</difficult>
        <part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>
      <object><name>
        dog </name><difficult>1</difficult></object>
      <object><name>tvmonitor</name></object>
      <object><name>tvmonitor</name><difficult>1</difficult></object>
    </annotation>
    """
}

/// A file system of 128 KiB, which only root can mount.
enum SmallDisk {
  static let needed: Comment = "no tmpfs can be mounted here; run the tests as root to try a full disk"

  static let canBeMounted: Bool = {
    guard let scratch = try? Scratch() else { return false }
    defer { scratch.remove() }
    return mount(scratch.path) && run("umount", scratch.path)
  }()

  static func mount(_ path: String) -> Bool { run("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", path) }

  static func run(_ words: String...) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}

enum RealVOC {
  /// The folder that holds VOCdevkit and SBD: two levels above `DNET_VOC` (the root of VOC2012), or shared/voc beside
  /// the repository.
  static let folder: String = {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return ProcessInfo.processInfo.environment["DNET_VOC"].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().deletingLastPathComponent().path
    } ?? repository.deletingLastPathComponent().appendingPathComponent("shared/voc").path
  }()

  static let isPresent = FileManager.default.fileExists(atPath: folder + "/SBD/dataset/cls")
  static let whereMissing: Comment =
    "no SBD/dataset/cls in \(folder); set DNET_VOC to the root of VOC2012 to run this test"
}
