// Tests of the EXIF orientation.
import Images
import Testing

@Suite struct EXIFTests {
  /// A JPEG with a directory of two entries, of which the second is the orientation.
  static func jpeg(_ orientation: UInt8, little: Bool = true, type: UInt8 = 3) -> [UInt8] {
    func number(_ value: Int, _ count: Int) -> [UInt8] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return little ? bytes : bytes.reversed()
    }
    func entry(_ tag: Int, _ type: Int, _ value: Int) -> [UInt8] {
      number(tag, 2) + number(type, 2) + number(1, 4) + number(value, 2) + [0, 0]
    }
    let tiff =
      Array((little ? "II" : "MM").utf8) + number(42, 2) + number(8, 4) + number(2, 2) + entry(0x010F, 3, 5)
      + entry(0x0112, Int(type), Int(orientation)) + number(0, 4)
    let body = Array("Exif\0\0".utf8) + tiff
    let length = body.count + 2
    let upright = JPEG.encode(RGBImage(width: 5, height: 3))
    return upright[..<2] + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + body + upright[2...]
  }

  @Test("The orientation is read in both byte orders.", arguments: 1...8) func orientations(value: Int) throws {
    for little in [true, false] {
      let bytes = Self.jpeg(UInt8(value), little: little)
      #expect(EXIF.orientation(bytes) == value)
      // The image is as stored for any value of the tag.
      #expect(try JPEG.decode(bytes, file: "-").width == 5)
    }
  }

  @Test("A file without a valid orientation is upright.")
  func whatIsNoOrientationIsUpright() {
    #expect(EXIF.orientation(JPEG.encode(RGBImage(width: 5, height: 3))) == 1)
    #expect(EXIF.orientation(Self.jpeg(0)) == 1 && EXIF.orientation(Self.jpeg(9)) == 1)
    #expect(EXIF.orientation(Self.jpeg(6, type: 4)) == 1)
    #expect(EXIF.orientation([]) == 1 && EXIF.orientation(PNG.encode(RGBImage(width: 5, height: 3))) == 1)
  }

  @Test("Damaged tags are ignored and do not trap.")
  func damageDoesNoHarm() {
    let bytes = Self.jpeg(6)
    for length in 0..<bytes.count { _ = EXIF.orientation(Array(bytes[..<length])) }
    for place in 2..<70 {
      for value in [0, 0x7F, 0xFF] as [UInt8] {
        var damaged = bytes
        damaged[place] = value
        #expect((1...8).contains(EXIF.orientation(damaged)))
      }
    }
  }
}
