// PNG files, decoded and encoded by libpng. The PNG header alone decides what can be a mask: a palette or 8-bit grey
// file holds class indices. Any other is refused as a mask, because a guess would turn colours into classes.
import CPNG
import Foundation
import Support

package enum PNG {
  /// Decodes a mask: palette indices (1 to 8 bits), or the values of an 8-bit grey file. The palette's colours do not
  /// matter. RGB, 16 bits, alpha and grey with fewer bits are errors.
  package static func decodeIndices(file: String) throws -> IndexImage {
    try decodeIndices(FileBytes.read(file), file: file)
  }

  package static func decodeIndices(_ bytes: [UInt8], file: String) throws(ImageError) -> IndexImage {
    let header = try header(bytes, file: file)
    let type = header.colorType
    guard type == PNG_COLOR_TYPE_PALETTE || (type == PNG_COLOR_TYPE_GRAY && header.bitDepth == 8) else {
      throw .notIndices(file: file, found: describe(header))
    }
    let indices = try pixels(bytes, header, mode: DNET_PNG_INDICES, channels: 1, file: file)
    return IndexImage(width: Int(header.width), height: Int(header.height), indices: indices)
  }

  /// Decodes a mask that was saved in VOC's colours as 8-bit RGB, for the first `classes` classes and 255. Throws
  /// `notIndices` for other kinds of file and `foreignColor` for other colours.
  package static func decodeColoredIndices(
    _ bytes: [UInt8], classes: Int, file: String
  ) throws(ImageError) -> IndexImage {
    let header = try header(bytes, file: file)
    guard header.colorType == PNG_COLOR_TYPE_RGB && header.bitDepth == 8 else {
      throw .notIndices(file: file, found: describe(header))
    }
    let image = try decodeRGB(bytes, file: file)
    let known = Dictionary(
      uniqueKeysWithValues: (Array(0...UInt8(classes)) + [IndexImage.ignored]).map { (VOCPalette.color($0), $0) })
    var mask = IndexImage(width: image.width, height: image.height)
    for y in 0..<image.height {
      for x in 0..<image.width {
        guard let index = known[image[x, y]] else {
          throw .foreignColor(file: file, color: image[x, y], x: x, y: y)
        }
        mask[x, y] = index
      }
    }
    return mask
  }

  /// Returns the palette of an intact PNG file, or nil where it has none.
  package static func palette(_ bytes: [UInt8]) -> [Color]? {
    var at = 8
    while at + 12 <= bytes.count {
      let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - at - 12 else { return nil }
      if bytes[at + 4..<at + 8].elementsEqual("PLTE".utf8) {
        return stride(from: at + 8, to: at + 8 + length / 3 * 3, by: 3).map {
          Color(bytes[$0], bytes[$0 + 1], bytes[$0 + 2])
        }
      }
      at += length + 12
    }
    return nil
  }

  /// Decodes a photograph. Palettes and grey are expanded, 16 bits are cut to 8, alpha and gamma are ignored.
  package static func decodeRGB(file: String) throws -> RGBImage {
    try decodeRGB(FileBytes.read(file), file: file)
  }

  package static func decodeRGB(_ bytes: [UInt8], file: String) throws(ImageError) -> RGBImage {
    let header = try header(bytes, file: file)
    let values = try pixels(bytes, header, mode: DNET_PNG_RGB, channels: 3, file: file)
    return RGBImage(width: Int(header.width), height: Int(header.height), pixels: values)
  }

  /// Encodes an 8-bit palette PNG in VOC's colours, like VOC's own masks.
  package static func encode(_ mask: IndexImage) -> [UInt8] {
    encode(mask.indices, width: mask.width, height: mask.height, palette: VOCPalette.bytes)
  }

  /// Encodes the indices as an 8-bit grey PNG.
  package static func encodeGrey(_ mask: IndexImage) -> [UInt8] {
    encode(mask.indices, width: mask.width, height: mask.height, palette: nil, grey: true)
  }

  package static func encode(_ image: RGBImage) -> [UInt8] {
    encode(image.pixels, width: image.width, height: image.height, palette: nil)
  }

  package static func write(_ mask: IndexImage, to file: String) throws(FileError) {
    try FileBytes.write(encode(mask), to: file)
  }

  package static func write(_ image: RGBImage, to file: String) throws(FileError) {
    try FileBytes.write(encode(image), to: file)
  }

  private static func header(_ bytes: [UInt8], file: String) throws(ImageError) -> dnet_png_header {
    var header = dnet_png_header()
    let failure = message { dnet_png_read(bytes, bytes.count, Int32(DNET_PNG_HEADER_ONLY), &header, nil, $0) }
    if let failure { throw .damaged(file: file, format: "PNG", reason: failure) }
    let (width, height) = (Int(header.width), Int(header.height))
    guard width <= ImageError.sideLimit, height <= ImageError.sideLimit, width * height <= ImageError.pixelLimit else {
      throw .tooLarge(file: file, width: width, height: height)
    }
    return header
  }

  private static func pixels(
    _ bytes: [UInt8], _ header: dnet_png_header, mode: some BinaryInteger, channels: Int, file: String
  ) throws(ImageError) -> [UInt8] {
    var failure: String?
    var header = header
    // Zeroed, because libpng writes an interlaced image in passes and may stop between them.
    var pixels = [UInt8](repeating: 0, count: Int(header.width) * Int(header.height) * channels)
    pixels.withUnsafeMutableBufferPointer { buffer in
      failure = message { dnet_png_read(bytes, bytes.count, Int32(mode), &header, buffer.baseAddress, $0) }
    }
    if let failure { throw .damaged(file: file, format: "PNG", reason: failure) }
    return pixels
  }

  private static func encode(
    _ pixels: [UInt8], width: Int, height: Int, palette: [UInt8]?, grey: Bool = false
  ) -> [UInt8] {
    var output: UnsafeMutablePointer<UInt8>?
    var count = 0
    let failure = message {
      dnet_png_write(pixels, UInt32(width), UInt32(height), palette, grey ? 1 : 0, &output, &count, $0)
    }
    precondition(failure == nil, "libpng cannot encode \(width) x \(height) pixels: \(failure!)")
    defer { free(output) }
    return Array(UnsafeBufferPointer(start: output, count: count))
  }

  private static func describe(_ header: dnet_png_header) -> String {
    let kind =
      switch header.colorType {
      case PNG_COLOR_TYPE_GRAY: "grey"
      case PNG_COLOR_TYPE_GRAY_ALPHA: "grey with alpha"
      case PNG_COLOR_TYPE_RGB: "RGB"
      case PNG_COLOR_TYPE_RGB_ALPHA: "RGB with alpha"
      default: "of PNG colour type \(header.colorType)"
      }
    return "\(kind), \(header.bitDepth) bits per channel,"
  }

  /// Runs the C call and returns nil on success, or the library's message.
  private static func message(_ call: (UnsafeMutablePointer<CChar>) -> Int32) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(DNET_PNG_MESSAGE)) { buffer in
      call(buffer.baseAddress!) == 0 ? nil : String(cString: buffer.baseAddress!)
    }
  }
}
