// What can be wrong with a picture file, in words that name the file, what was found and what to do next.

package enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The decoder gave up; `reason` has its words.
  case damaged(file: String, format: String, reason: String)
  case tooLarge(file: String, width: Int, height: Int)
  /// A mask whose pixels are no indices.
  case notIndices(file: String, found: String)
  /// A mask in colours with one that is no class's.
  case foreignColor(file: String, color: Color, x: Int, y: Int)
  /// Neither a JPEG nor a PNG file; `start` has its first bytes.
  case unknownFormat(file: String, start: String)

  /// A header beyond this many pixels is taken for damage (64 megapixels).
  package static let pixelLimit = 1 << 26
  /// And so is one beyond this width or height: libpng holds whole rows, of up to 8 bytes a pixel, more than once.
  package static let sideLimit = 1 << 16

  package var description: String {
    switch self {
    case .damaged(let file, let format, let reason):
      "\(file) is no whole \(format) file: \(reason); fetch it again from its source"
    case .tooLarge(let file, let width, let height):
      "\(file) says it has \(width) x \(height) pixels, more than the limit of \(Self.pixelLimit) in all or \(Self.sideLimit) a side; "
        + "if that is true, shrink it first, else fetch it again"
    case .notIndices(let file, let found):
      "\(file) is \(found) and holds no class indices; save masks as palette or 8-bit grey PNG"
    case .foreignColor(let file, let color, let x, let y):
      "\(file) is a mask in colours, and (\(color.red), \(color.green), \(color.blue)) at x \(x), y \(y) is none of VOC's; "
        + "save masks as palette PNG, without smoothing"
    case .unknownFormat(let file, let start):
      "\(file) is neither JPEG nor PNG (it starts with \(start)); convert it to one of them"
    }
  }
}
