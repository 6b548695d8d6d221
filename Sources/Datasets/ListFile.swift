// The format of image lists that dnet writes: comments that give the origin of the list and the SHA-256 of its body,
// then the body with an image id on each line.
//
//     # dnet data split: 5 images per class, seed 1, from ImageSets/Segmentation/train_aug.txt
//     # sha256 2e4bc02aa...
//     2007_000032
import Support

package enum ListFile {
  /// Returns the bytes of the file: comments, the line with the digest, and the lines of the body.
  package static func bytes(_ lines: [String], comments: [String]) -> [UInt8] {
    let body = lines.map { $0 + "\n" }.joined()
    return Array((comments.map { "# \($0)\n" }.joined() + "# sha256 \(SHA256.hex(of: body))\n" + body).utf8)
  }

  /// Writes the list atomically.
  package static func write(_ lines: [String], comments: [String], to path: String) throws(FileError) {
    try AtomicFile.write(bytes(lines, comments: comments), to: path)
  }

  /// Returns the digest stated in the comments of a list and that of its body, or nil where none is stated.
  ///
  /// The body excludes comments, blank lines and carriage returns, so a list that passed through Windows keeps its
  /// digest.
  package static func digests(_ bytes: [UInt8]) -> (stated: String, found: String)? {
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.trimmingPrefix("\u{FEFF}") }
    let stated = lines.first { $0.hasPrefix("# sha256 ") }?.split(separator: " ").last.map(String.init)
    guard let stated else { return nil }
    let body = lines.filter { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }.map { $0 + "\n" }.joined()
    return (stated, SHA256.hex(of: body))
  }
}
