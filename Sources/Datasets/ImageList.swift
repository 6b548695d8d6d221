// The reader of image lists as VOC and others write them: an id, or the paths of a photograph and a mask, on each line.
import Foundation
import Support

package enum ImageList {
  /// Reads the images of a list file, in its order, without looking at the images. Blank lines, lines that begin with
  /// #, CRLF line ends and a missing last line end are accepted.
  ///
  /// Throws `unreadableList`, `emptyList`, or `badLine` for a line of another form.
  package static func read(_ path: String) throws(DatasetError) -> [ListedImage] {
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(path) } catch { throw .unreadableList(list: path, reason: error.reason) }
    var images: [ListedImage] = []
    for (number, line) in String(decoding: bytes, as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline
    ).enumerated() {
      let fields = line.split(whereSeparator: { $0.isWhitespace || $0 == "\u{FEFF}" }).map(String.init)
      switch fields.count {
      case 0: continue
      case _ where fields[0].hasPrefix("#"): continue
      case 1 where !isPath(fields[0]):
        images.append(ListedImage(id: fields[0], line: number + 1))
      case 1 where !ListedImage.id(ofPath: fields[0]).isEmpty:
        images.append(ListedImage(id: ListedImage.id(ofPath: fields[0]), photograph: fields[0], line: number + 1))
      case 2 where isPath(fields[0]) && isPath(fields[1]) && !ListedImage.id(ofPath: fields[0]).isEmpty:
        images.append(
          ListedImage(id: ListedImage.id(ofPath: fields[0]), photograph: fields[0], mask: fields[1], line: number + 1))
      default:
        throw .badLine(list: path, line: number + 1, text: String(line.prefix(80)))
      }
    }
    guard !images.isEmpty else { throw .emptyList(list: path) }
    return images
  }

  /// A path has a folder or the extension of an image; an id has neither.
  private static func isPath(_ field: String) -> Bool {
    field.utf8.contains(UInt8(ascii: "/")) || [".jpg", ".jpeg", ".png"].contains { field.lowercased().hasSuffix($0) }
  }
}
