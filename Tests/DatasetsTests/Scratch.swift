// Folders and data sets of a test, and where real VOC data lies.
import Foundation
import Images
import Testing

/// A folder of a test, which removes it at its end.
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

enum RealVOC {
  /// VOC2012's root: DNET_VOC, or beside the repository; nil, said loudly, where neither is there.
  static func root(for test: String = #function) -> String? {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path =
      ProcessInfo.processInfo.environment["DNET_VOC"]
      ?? repository.deletingLastPathComponent().appendingPathComponent("shared/voc/VOCdevkit/VOC2012").path
    if FileManager.default.fileExists(atPath: path + "/SegmentationClassAug") { return path }
    print("SKIPPED \(test): no VOC2012 at \(path); set DNET_VOC to its root to run this test")
    return nil
  }
}
