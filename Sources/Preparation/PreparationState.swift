// The state file of `dnet data prepare`: the images that an earlier run has checked, which need no check as long as the
// sizes and times of their files are the same. Without the file, everything is checked again.
import Foundation
import Images
import Support

struct PreparationState: Codable, Sendable {
  struct Entry: Codable, Sendable {
    /// The stamps of the photograph, of the source of the mask (with its path), and of the mask as written.
    let photograph, source, output: String
    let facts: ImageFacts
  }

  static let version = 1
  var version = Self.version
  /// The stamp of each archive whose digest was right, by path.
  var archives: [String: String] = [:]
  /// The stamp of each list that dnet wrote, by path.
  var lists: [String: String] = [:]
  var images: [String: Entry] = [:]

  static func path(_ output: String) -> String { "\(output)/.dnet-prepare.json" }

  static func read(_ output: String) -> PreparationState {
    guard let bytes = try? FileBytes.read(path(output)),
      let state = try? JSONText.decode(PreparationState.self, from: bytes), state.version == version
    else { return PreparationState() }
    return state
  }

  func write(_ output: String) throws {
    try AtomicFile.write(JSONText.encode(self, .line), to: Self.path(output))
  }

  /// Returns the size and modification time of a file, or nil where it does not exist.
  static func stamp(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return "\(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }
}
