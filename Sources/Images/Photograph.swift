// A photograph in either format, recognized by the first bytes of the file and not by its name.
import Support

package enum Photograph {
  /// Decodes a JPEG or PNG file.
  package static func decode(file: String) throws -> RGBImage {
    try decode(FileBytes.read(file), file: file)
  }

  /// Decodes bytes. Errors name `file`.
  package static func decode(_ bytes: [UInt8], file: String) throws(ImageError) -> RGBImage {
    if bytes.starts(with: [0xFF, 0xD8]) { return try JPEG.decode(bytes, file: file) }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return try PNG.decodeRGB(bytes, file: file) }
    let start = bytes.prefix(4).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count < 2 ? "0" + digits : digits
    }
    throw .unknownFormat(file: file, start: start.isEmpty ? "nothing: it is empty" : start.joined(separator: " "))
  }
}
