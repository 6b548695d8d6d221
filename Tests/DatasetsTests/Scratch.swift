// Temporary folders and datasets for tests, and the location of the real VOC data.
import Foundation
import Images
import Testing

/// A folder of a test, which the test removes at its end.
struct Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "dnet-datasets-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) throws {
    let file = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  /// A photograph of one colour and, unless nil, a mask whose rows hold these indices in turn.
  func add(_ id: String, width: Int = 6, height: Int = 4, mask rows: [UInt8]?, folder: String = "SegmentationClassAug")
    throws
  {
    try write(
      JPEG.encode(RGBImage(width: width, height: height, color: Color(90, 120, 30))), to: "JPEGImages/\(id).jpg")
    guard let rows else { return }
    let indices = rows.flatMap { [UInt8](repeating: $0, count: width) }
    try write(PNG.encode(IndexImage(width: width, height: rows.count, indices: indices)), to: "\(folder)/\(id).png")
  }
}

/// A file system of a known size, which only root can mount.
enum SmallDisk {
  static let needed: Comment = "no tmpfs can be mounted here; run the tests as root to try a full disk"

  static let canBeMounted: Bool = {
    guard let scratch = try? Scratch() else { return false }
    defer { scratch.remove() }
    guard mount("tmpfs", scratch.path, "tmpfs", 0, "size=16k") == 0 else { return false }
    return umount2(scratch.path, 2) == 0
  }()
}

enum RealVOC {
  /// The root of VOC2012: `DNET_VOC`, or shared/voc beside the repository.
  static let root: String = {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return ProcessInfo.processInfo.environment["DNET_VOC"]
      ?? repository.deletingLastPathComponent().appendingPathComponent("shared/voc/VOCdevkit/VOC2012").path
  }()

  static let isPresent = FileManager.default.fileExists(atPath: root + "/SegmentationClassAug")
  static let whereMissing: Comment = "no VOC2012 at \(root); set DNET_VOC to its root to run this test"
}
