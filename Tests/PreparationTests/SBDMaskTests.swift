// Tests of the reading of SBD's masks from MATLAB files.
import Foundation
import Images
import Preparation
import Support
import Testing

@Suite struct SBDMaskTests {
  @Test(
    "Masks written by SciPy are decoded.",
    arguments: [("small", 17, 11), ("plain", 17, 11), ("second", 17, 11), ("tall", 3, 40)])
  func decodesWhatSciPyWrote(name: String, width: Int, height: Int) throws {
    #expect(try SBDMask.decode(file: Fixture.path(name)) == Fixture.mask(width, height))
  }

  @Test(
    "Intact files with other contents are refused.",
    arguments: [
      ("no-variable", "no variable GTcls"), ("no-structure", "not a single structure"),
      ("no-field", "no field Segmentation"),
      ("doubles", "no 8-bit integers"), ("cube", "not a matrix"), ("empty", "Segmentation"),
    ])
  func wholeFilesWithOtherContents(name: String, words: String) throws {
    let error = #expect(throws: PreparationError.self) { try SBDMask.decode(file: Fixture.path(name)) }
    let text = try #require(error).description
    #expect(text.contains("\(name).mat") && text.contains(words) && text.contains("fetch SBD's cls folder again"))
  }

  @Test("Files of other formats are refused.")
  func otherFormats() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.write("\u{89}HDF\r\n\u{1A}\n" + String(repeating: "x", count: 600), to: "new.mat")
    try scratch.write("<html>not found</html>", to: "page.mat")
    try scratch.write([], to: "nothing.mat")
    for file in [Fixture.path("version4")] + ["new", "page", "nothing"].map({ "\(scratch.path)/\($0).mat" }) {
      let error = #expect(throws: ImageError.self) { try SBDMask.decode(file: file) }
      #expect(try #require(error).description.contains("\(file) is not an intact MATLAB file"))
    }
    #expect(throws: FileError.unreadable(file: "/nowhere/a.mat", reason: "No such file or directory")) {
      try SBDMask.decode(file: "/nowhere/a.mat")
    }
  }

  @Test("A file truncated at any length is an error.", arguments: ["small", "plain"])
  func truncatedFilesAreErrorsAtEveryLength(name: String) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let bytes = try Fixture.bytes(name)
    for length in stride(from: 0, to: bytes.count, by: name == "plain" ? 29 : 1) {
      try scratch.write(Array(bytes[..<length]), to: "cut.mat")
      let error = #expect(throws: (any Error).self) { try SBDMask.decode(file: "\(scratch.path)/cut.mat") }
      #expect("\(try #require(error))".contains("cut.mat"))
    }
  }

  /// The checksum of zlib detects every changed byte of a compressed variable.
  @Test("A flipped bit in a compressed file is an error.")
  func flippedBitsOfCompressedFilesAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let bytes = try Fixture.bytes("small")
    for place in 124..<bytes.count {
      var damaged = bytes
      damaged[place] ^= 1 << UInt8(place % 8)
      try scratch.write(damaged, to: "bad.mat")
      #expect(throws: (any Error).self, "byte \(place)") { try SBDMask.decode(file: "\(scratch.path)/bad.mat") }
    }
  }

  @Test("A flipped bit in an uncompressed file does not crash the process.")
  func flippedBitsOfPlainFilesDoNoHarm() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let bytes = try Fixture.bytes("plain")
    var refused = 0
    for place in 128..<bytes.count {
      var damaged = bytes
      damaged[place] ^= [0x01, 0x80, 0xFF][place % 3]
      try FileBytes.write(damaged, to: "\(scratch.path)/bad.mat")
      if (try? SBDMask.decode(file: "\(scratch.path)/bad.mat")) == nil { refused += 1 }
    }
    #expect(refused > 100)
  }

  @Test("A size above the limit is an error.")
  func absurdSizesAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let bytes = try Fixture.bytes("plain")
    // The last 11 x 17 in the file is Segmentation's.
    let pattern: [UInt8] = [11, 0, 0, 0, 17, 0, 0, 0]
    let place = try #require((0..<bytes.count - 8).last { Array(bytes[$0..<$0 + 8]) == pattern })
    func decode(height: Int32, width: Int32) throws -> String {
      var changed = bytes
      for i in 0..<4 {
        changed[place + i] = UInt8(truncatingIfNeeded: height >> (8 * Int32(i)))
        changed[place + 4 + i] = UInt8(truncatingIfNeeded: width >> (8 * Int32(i)))
      }
      try scratch.write(changed, to: "size.mat")
      let error = #expect(throws: (any Error).self) { try SBDMask.decode(file: "\(scratch.path)/size.mat") }
      return "\(try #require(error))"
    }
    #expect(try decode(height: 100_000, width: 100_000).contains("100000 x 100000 elements"))
    #expect(try decode(height: 8000, width: 7000).contains("8000 x 7000 elements has 187"))
    #expect(try decode(height: 100, width: 17).contains("size.mat"))
    #expect(try decode(height: -1, width: -1).contains("size.mat"))
    #expect(try decode(height: 0, width: 17).contains("size.mat"))
  }

  /// A deflate stream of one zero and copies of it: 1.7 MB that become 270.
  @Test("A variable that inflates to a huge size is an error.")
  func bombsAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    var stream: [UInt8] = [0x78, 0x9C]
    var (bits, count) = (UInt64(0), 0)
    func put(_ value: UInt64, _ length: Int) {
      bits |= value << UInt64(count)
      count += length
      while count >= 8 {
        stream.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        count -= 8
      }
    }
    put(0b011, 3)  // the last block, fixed codes
    put(0b0000_1100, 8)  // a zero
    for _ in 0..<1_100_000 {
      put(0b1010_0011, 8)  // 258 bytes: code 285, 11000101, its highest bit first
      put(0, 5)  // from one byte back
    }
    put(0, 7 + 8)
    let header = try Array(Fixture.bytes("small")[..<128])
    let size = UInt32(stream.count)
    let tag: [UInt8] = [15, 0, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
    try scratch.write(header + tag + stream, to: "bomb.mat")
    let error = #expect(throws: ImageError.self) { try SBDMask.decode(file: "\(scratch.path)/bomb.mat") }
    #expect(try #require(error).description.contains("inflates to more than"))
  }

  @Test("The real masks equal their PNG versions.", .enabled(if: RealVOC.isPresent, RealVOC.whereMissing))
  func realMasksEqualTheirPNGs() throws {
    let folder = RealVOC.folder
    let cls = "\(folder)/SBD/dataset/cls"
    let names = try FileManager.default.contentsOfDirectory(atPath: cls).filter { $0.hasSuffix(".mat") }
    #expect(!names.isEmpty)
    for name in names {
      let mask = try PNG.decodeIndices(file: "\(folder)/VOCdevkit/VOC2012/SegmentationClassAug/\(name.dropLast(4)).png")
      #expect(try SBDMask.decode(file: "\(cls)/\(name)") == mask)
    }
  }
}
