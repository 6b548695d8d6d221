// The error of decoding an image file that can be read. `FileError` is that of one that cannot.

package enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The decoder failed; `reason` is its message.
  case damaged(file: String, format: String, reason: String)
  case tooLarge(file: String, width: Int, height: Int)
  /// A mask whose pixels are not indices.
  case notIndices(file: String, found: String)
  /// An RGB mask with a colour that belongs to no class.
  case foreignColor(file: String, color: Color, x: Int, y: Int)
  /// Neither a JPEG nor a PNG file; `start` holds its first bytes.
  case unknownFormat(file: String, start: String)

  /// A header that claims more pixels than this is treated as damaged (64 megapixels).
  package static let pixelLimit = 1 << 26
  /// So is one that claims a longer side: libpng allocates several whole rows of up to 8 bytes per pixel.
  package static let sideLimit = 1 << 16

  package var description: String {
    switch self {
    case .damaged(let file, let format, let reason):
      "\(file) is not an intact \(format) file: \(reason); fetch it again from its source"
    case .tooLarge(let file, let width, let height):
      "\(file) says it has \(width) x \(height) pixels, more than the limit of \(Self.pixelLimit) in all or "
        + "\(Self.sideLimit) per side; "
        + "if that is true, shrink it first, else fetch it again"
    case .notIndices(let file, let found):
      "\(file) is \(found) and holds no class indices; save masks as palette or 8-bit grey PNG"
    case .foreignColor(let file, let color, let x, let y):
      "\(file) is an RGB mask, and (\(color.red), \(color.green), \(color.blue)) at x \(x), y \(y) is none of VOC's; "
        + "save masks as palette PNG, without smoothing"
    case .unknownFormat(let file, let start):
      "\(file) is neither JPEG nor PNG (it starts with \(start)); convert it to one of them"
    }
  }
}
