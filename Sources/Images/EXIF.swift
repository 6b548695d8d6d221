// The EXIF orientation of a JPEG file. dnet never rotates an image by it, because VOC's masks match the stored pixels.
// Other tools do rotate, so a mask that was drawn with one of them may not fit.

package enum EXIF {
  /// Returns the orientation, 1...8, or 1 (upright) where the file has none that can be read.
  package static func orientation(_ jpeg: [UInt8]) -> Int {
    var at = 2
    while at + 4 <= jpeg.count, jpeg[at] == 0xFF {
      let marker = jpeg[at + 1]
      if marker == 0xFF {  // padding
        at += 1
        continue
      }
      if marker == 0xDA || marker == 0xD9 { break }
      let length = Int(jpeg[at + 2]) << 8 | Int(jpeg[at + 3])
      let end = at + 2 + length
      guard length >= 2, end <= jpeg.count else { break }
      let segment = jpeg[at + 4..<end]
      if marker == 0xE1, segment.starts(with: Array("Exif\0\0".utf8)) {
        return orientation(ofTIFF: segment.dropFirst(6))
      }
      at = end
    }
    return 1
  }

  /// Reads tag 0x0112 of the first directory (TIFF 6.0). An entry has 12 bytes: tag, type, count and value.
  private static func orientation(ofTIFF tiff: ArraySlice<UInt8>) -> Int {
    let bytes = Array(tiff)
    guard bytes.count >= 8 else { return 1 }
    let little = bytes[0] == 0x49
    func number(_ at: Int, _ count: Int) -> Int? {
      guard at >= 0, at + count <= bytes.count else { return nil }
      let part = bytes[at..<at + count]
      return (little ? Array(part.reversed()) : Array(part)).reduce(0) { $0 << 8 | Int($1) }
    }
    guard bytes[1] == bytes[0], little || bytes[0] == 0x4D, number(2, 2) == 42,
      let directory = number(4, 4), let entries = number(directory, 2)
    else { return 1 }
    for entry in 0..<entries {
      let at = directory + 2 + 12 * entry
      guard let tag = number(at, 2) else { return 1 }
      if tag == 0x0112, number(at + 2, 2) == 3, let value = number(at + 8, 2), (1...8).contains(value) { return value }
    }
    return 1
  }
}
