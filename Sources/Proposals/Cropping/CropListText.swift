// The text format of crop lists, which is that of the authors (C:select_seg_binary_layer.cpp). Each crop has a line
//
//     image mask x1 y1 x2 y2 c1 ... cK
//
// after a header of lines that begin with #, which state how the list was made, the number of crops and their SHA-256.
// Without the header (grep -v '^#') the authors' Caffe can read the list.
import Datasets
import Support

package enum CropListText {
  static let title = "# dnet crop list "
  static let digestTitle = "# sha256 "
  /// The number of bytes before the 64 digits of the digest.
  package static let digestOffset = (title + "1\n" + digestTitle).utf8.count

  /// Returns the header with zeros as the digest, which the caller replaces when all lines are written.
  package static func header(_ count: TrainingExampleCount, classes: Int, origin: String) -> String {
    title + "1\n" + digestTitle + String(repeating: "0", count: 64) + "\n"
      + "# \(count.total) crops: \(count.images) whole images, \(count.perCombination) of each of "
      + "\(count.combinations) label combinations; \(classes) classes\n"
      + "# \(origin)\n"
  }

  /// Appends the line of one crop.
  static func append(
    _ box: Box, _ combination: LabelCombination, names: (photograph: [UInt8], mask: [UInt8]), classes: Int,
    to text: inout [UInt8]
  ) {
    text += names.photograph
    text.append(space)
    text += names.mask
    for value in [box.x1, box.y1, box.x2, box.y2] {
      text.append(space)
      append(value, to: &text)
    }
    for label in 1...classes {
      text.append(space)
      text.append(combination.contains(UInt8(label)) ? one : zero)
    }
    text.append(lineFeed)
  }

  private static func append(_ value: Int, to text: inout [UInt8]) {
    if value < 0 { text.append(UInt8(ascii: "-")) }
    let start = text.count
    var rest = value.magnitude
    repeat {
      text.append(zero + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    text[start...].reverse()
  }

  static let space = UInt8(ascii: " ")
  static let zero = UInt8(ascii: "0")
  static let one = UInt8(ascii: "1")
  static let lineFeed = UInt8(ascii: "\n")
}
