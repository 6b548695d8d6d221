// What an earlier `dnet data prepare` has looked at: so long as the sizes and times of the files are the same, it need
// not be looked at again. The file is only a shortcut; without it everything is checked anew.
import Foundation
import Images
import Support

/// What is known of an image whose files are all right.
package struct ImageFacts: Codable, Equatable, Sendable {
  package let width, height: Int
  package let orientation: Int
  /// Index -> pixels, only those that occur.
  package let pixels: [Int: Int]
  /// The mask was in colours.
  package let converted: Bool

  /// Pixels of each of the 256 indices.
  package var counts: [Int] { (0...255).map { pixels[$0] ?? 0 } }
}

struct PreparationState: Codable, Sendable {
  struct Entry: Codable, Sendable {
    /// Stamps of the photograph, of what the mask is made from (its path too), and of the mask that was made.
    let photograph, source, output: String
    let facts: ImageFacts
  }

  static let version = 1
  var version = Self.version
  /// Archive -> its stamp when its digest was right.
  var archives: [String: String] = [:]
  /// Lists that dnet wrote -> stamp.
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
    try FileBytes.replace(Self.path(output), with: JSONText.encode(self, .line))
  }

  /// Size and time of the last change; nil where there is no such file.
  static func stamp(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return "\(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }
}
