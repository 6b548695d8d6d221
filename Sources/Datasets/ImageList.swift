// Lists of images as VOC and others write them: an id a line, or a photograph's and a mask's path.
import Foundation
import Support

/// One line of a list.
package struct ListedImage: Hashable, Sendable {
  /// The photograph's name without folder and ending, such as 2007_000032.
  package let id: String
  /// Paths that the list itself gives; nil where the id alone says where the files are.
  package let photograph: String?
  package let mask: String?
  /// Line in the list, from 1; 0 where the image comes from no list.
  package let line: Int

  package init(id: String, photograph: String? = nil, mask: String? = nil, line: Int = 0) {
    (self.id, self.photograph, self.mask, self.line) = (id, photograph, mask, line)
  }

  /// A path's name without folder and ending; empty for a path that names no file, such as a slash.
  ///
  /// By bytes: a slash or a point beside some letters of Arabic is one `Character` with them, but ends a folder or name still.
  package static func id(ofPath path: String) -> String {
    let start = path.utf8.lastIndex(of: UInt8(ascii: "/")).map(path.utf8.index(after:)) ?? path.startIndex
    let name = path[start...]
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return String(name) }
    return String(name[..<dot])
  }
}

package enum ImageList {
  /// The images that the list file names, in its order. Blank lines, lines that begin with # and CRLF line ends
  /// are accepted, and so is a last line without end.
  ///
  /// Throws `unreadableList`, `emptyList`, or `badLine` for a line of another form. Looks at no picture.
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

  /// A path has a folder or a picture's ending; an id has neither.
  private static func isPath(_ field: String) -> Bool {
    field.utf8.contains(UInt8(ascii: "/")) || [".jpg", ".jpeg", ".png"].contains { field.lowercased().hasSuffix($0) }
  }
}
