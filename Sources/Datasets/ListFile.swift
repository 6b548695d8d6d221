// Lists that dnet writes: lines of comment that say where the list comes from and what the SHA-256 of its body is, then
// the body, an image id a line.
//
//     # dnet data split: 5 images a class, seed 1, drawn from ImageSets/Segmentation/train_aug.txt
//     # sha256 2e4bc02aa...
//     2007_000032
import Support

package enum ListFile {
  /// The file's bytes: comments, the digest's line, the lines of the body.
  package static func bytes(_ lines: [String], comments: [String]) -> [UInt8] {
    let body = lines.map { $0 + "\n" }.joined()
    return Array((comments.map { "# \($0)\n" }.joined() + "# sha256 \(SHA256.hex(of: body))\n" + body).utf8)
  }

  /// Writes the list, whole or not at all.
  package static func write(_ lines: [String], comments: [String], to path: String) throws(FileError) {
    try AtomicFile.write(bytes(lines, comments: comments), to: path)
  }

  /// The digest that a list's comments give, and the digest of its body; nil where no comment gives one.
  ///
  /// The body is what is left without comments, blank lines and carriage returns, so a list that passed through Windows
  /// keeps its digest.
  package static func digests(_ bytes: [UInt8]) -> (stated: String, found: String)? {
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.trimmingPrefix("\u{FEFF}") }
    let stated = lines.first { $0.hasPrefix("# sha256 ") }?.split(separator: " ").last.map(String.init)
    guard let stated else { return nil }
    let body = lines.filter { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }.map { $0 + "\n" }.joined()
    return (stated, SHA256.hex(of: body))
  }
}
