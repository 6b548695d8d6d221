// One image of a list: its id, and the paths that the list gives.

package struct ListedImage: Hashable, Sendable {
  /// The file name of the photograph without extension, such as 2007_000032.
  package let id: String
  /// The paths that the list gives; nil where the files are found by the id.
  package let photograph: String?
  package let mask: String?
  /// The line in the list, from 1, or 0 for an image from elsewhere.
  package let line: Int

  package init(id: String, photograph: String? = nil, mask: String? = nil, line: Int = 0) {
    self.id = id
    self.photograph = photograph
    self.mask = mask
    self.line = line
  }

  /// Returns the file name of a path without extension; empty for a path that names no file, such as a slash.
  ///
  /// The path is searched by bytes, because a slash or dot next to some Arabic letters forms one `Character` with them.
  package static func id(ofPath path: String) -> String {
    let start = path.utf8.lastIndex(of: UInt8(ascii: "/")).map(path.utf8.index(after:)) ?? path.startIndex
    let name = path[start...]
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return String(name) }
    return String(name[..<dot])
  }
}
