// Lists of images as VOC and others write them: an id a line, or a photograph's and a mask's path.
import Foundation
import Images

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
}

package enum ImageList {
  /// The images that the list file names, in its order. Blank lines, lines that begin with # and CRLF line ends
  /// are accepted, and so is a last line without end.
  ///
  /// Throws `unreadableList`, `emptyList`, or `badLine` for a line of another form. Looks at no picture.
  package static func read(_ path: String) throws(DatasetError) -> [ListedImage] {
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(path) } catch {
      guard case .unreadable(_, let reason) = error else { throw .unreadableList(list: path, reason: "\(error)") }
      throw .unreadableList(list: path, reason: reason)
    }
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
      case 1 where !stem(fields[0]).isEmpty:
        images.append(ListedImage(id: stem(fields[0]), photograph: fields[0], line: number + 1))
      case 2 where isPath(fields[0]) && isPath(fields[1]) && !stem(fields[0]).isEmpty:
        images.append(ListedImage(id: stem(fields[0]), photograph: fields[0], mask: fields[1], line: number + 1))
      default:
        throw .badLine(list: path, line: number + 1, text: String(line.prefix(80)))
      }
    }
    guard !images.isEmpty else { throw .emptyList(list: path) }
    return images
  }

  /// A path has a folder or a picture's ending; an id has neither.
  private static func isPath(_ field: String) -> Bool {
    field.contains("/") || [".jpg", ".jpeg", ".png"].contains { field.lowercased().hasSuffix($0) }
  }

  /// The name without folder and ending; empty for a path that names no file, such as a slash.
  private static func stem(_ path: String) -> String {
    guard path.utf8.last != UInt8(ascii: "/") else { return "" }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }
}
