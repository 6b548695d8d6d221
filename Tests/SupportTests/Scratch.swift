// A folder of a test, which the test removes at its end.
import Foundation
import Support

struct Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "dnet-support-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
}
