// Tests of the PNG decoder and encoder.
import Foundation
import Images
import Support
import Testing

@Suite struct PNGTests {
  /// The mask of make.py: (x + 3 y) % 21, 255 in the first column.
  static func mask(modulo: Int = 256) -> IndexImage {
    var mask = IndexImage(width: 13, height: 9)
    for y in 0..<9 {
      for x in 0..<13 { mask[x, y] = UInt8((x == 0 ? 255 : (x + 3 * y) % 21) % modulo) }
    }
    return mask
  }

  @Test(
    "Masks of other tools decode to their indices.", arguments: ["palette8.png", "palette-interlaced.png", "grey8.png"])
  func indicesOfOtherTools(file: String) throws {
    #expect(try PNG.decodeIndices(file: Golden.path(file)) == Self.mask())
  }

  @Test("Indices of two bits are unpacked.")
  func indicesOfTwoBits() throws {
    #expect(try PNG.decodeIndices(file: Golden.path("palette2.png")) == Self.mask(modulo: 4))
  }

  @Test(
    "Masks without indices are refused.",
    arguments: [
      ("rgb.png", "RGB, 8 bits"), ("rgba.png", "RGB with alpha, 8 bits"), ("grey16.png", "grey, 16 bits"),
      ("grey-alpha.png", "grey with alpha"), ("grey1.png", "grey, 1 bits"),
    ])
  func masksThatHoldNoIndicesAreRefused(file: String, words: String) throws {
    let error = #expect(throws: ImageError.self) { try PNG.decodeIndices(file: Golden.path(file)) }
    let text = try #require(error).description
    #expect(text.contains(file) && text.contains(words) && text.contains("save masks as"))
  }

  @Test("Photographs of every PNG type are decoded.")
  func photographsOfEveryKind() throws {
    let mask = Self.mask()
    let rgb = try PNG.decodeRGB(file: Golden.path("rgb.png"))
    for i in 0..<mask.indices.count {
      let v = mask.indices[i]
      #expect(Array(rgb.pixels[3 * i..<3 * i + 3]) == [v, 255 - v, v / 2])
    }
    for same in ["rgba.png", "palette8.png", "palette-interlaced.png"] {
      #expect(try PNG.decodeRGB(file: Golden.path(same)) == rgb)
    }
    for grey in ["grey8.png", "grey16.png", "grey-alpha.png"] {
      #expect(try PNG.decodeRGB(file: Golden.path(grey)).pixels == mask.indices.flatMap { [$0, $0, $0] })
    }
    #expect(
      try PNG.decodeRGB(file: Golden.path("grey1.png")).pixels
        == mask.indices.flatMap { i in
          [UInt8](repeating: i % 2 * 255, count: 3)
        })
  }

  @Test("Encoded masks and images decode to the same values.", arguments: [(1, 1), (17, 5), (64, 33)])
  func roundTrips(width: Int, height: Int) throws {
    let mask = IndexImage(width: width, height: height, indices: Golden.noise(width * height, seed: 3))
    #expect(try PNG.decodeIndices(PNG.encode(mask), file: "-") == mask)
    #expect(try PNG.decodeIndices(PNG.encodeGrey(mask), file: "-") == mask)
    #expect(
      try PNG.decodeRGB(PNG.encode(mask), file: "-").pixels
        == mask.indices.flatMap { i in
          let color = VOCPalette.color(i)
          return [color.red, color.green, color.blue]
        })
    let image = Golden.noiseImage(width, height)
    #expect(try PNG.decodeRGB(PNG.encode(image), file: "-") == image)
    let folder = try Golden.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try PNG.write(mask, to: folder + "/mask.png")
    #expect(try PNG.decodeIndices(file: folder + "/mask.png") == mask)
  }

  @Test("The palette is VOC's.")
  func paletteIsVOCs() {
    let known: [(UInt8, Color)] = [
      (0, Color(0, 0, 0)), (1, Color(128, 0, 0)), (2, Color(0, 128, 0)), (15, Color(192, 128, 128)),
      (20, Color(0, 64, 128)), (255, Color(224, 224, 192)),
    ]
    for (index, color) in known { #expect(VOCPalette.color(index) == color) }
    #expect(Set((0...255).map { VOCPalette.color(UInt8($0)) }).count == 256)
  }

  @Test("A file truncated at any length is an error.")
  func truncatedFilesAreErrorsAtEveryLength() throws {
    let bytes = PNG.encode(Self.mask())
    for length in 0..<bytes.count {
      #expect(throws: ImageError.self) { try PNG.decodeIndices(Array(bytes[..<length]), file: "cut.png") }
    }
  }

  @Test("A flipped bit in the pixels is an error.")
  func flippedBitsInThePixelsAreErrors() throws {
    var bytes = PNG.encode(Golden.noiseImage(20, 20))
    bytes[bytes.count - 40] ^= 4
    let error = #expect(throws: ImageError.self) { try PNG.decodeRGB(bytes, file: "bad.png") }
    #expect(try #require(error).description.contains("bad.png is not an intact PNG file"))
  }

  @Test("A size above the limit is an error.")
  func absurdSizesAreErrors() {
    #expect(throws: ImageError.tooLarge(file: Golden.path("huge.png"), width: 60000, height: 60000)) {
      try PNG.decodeIndices(file: Golden.path("huge.png"))
    }
    #expect(throws: ImageError.self) { try PNG.decodeRGB(file: Golden.path("huge.png")) }
  }

  @Test("Missing files and folders are errors with the reason.")
  func missingFilesAndFoldersAreErrorsWithTheReason() throws {
    #expect(throws: FileError.unreadable(file: "/nowhere/a.png", reason: "No such file or directory")) {
      try PNG.decodeRGB(file: "/nowhere/a.png")
    }
    #expect(throws: FileError.unreadable(file: Golden.folder, reason: "not a file")) {
      try PNG.decodeRGB(file: Golden.folder)
    }
    #expect(throws: FileError.unwritable(file: "/nowhere/a.png", reason: "No such file or directory")) {
      try PNG.write(Self.mask(), to: "/nowhere/a.png")
    }
  }

  /// Headers of 100,000 x 100,000 and 67,108,864 x 1 pixels over a few bytes.
  @Test(
    "Headers that claim huge images are refused without allocation.",
    arguments: [(100_000, 100_000), (1 << 26, 1), (1, 1 << 26)]) func bombsAreErrors(width: Int, height: Int)
  {
    var bytes = PNG.encode(IndexImage(width: 4, height: 4))
    for (place, side) in [(16, width), (20, height)] {
      for i in 0..<4 { bytes[place + i] = UInt8(truncatingIfNeeded: side >> (24 - 8 * i)) }
    }
    // The checksum of the header.
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes[12..<29] {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    for i in 0..<4 { bytes[29 + i] = UInt8(truncatingIfNeeded: ~crc >> UInt32(24 - 8 * i)) }
    #expect(throws: ImageError.tooLarge(file: "bomb.png", width: width, height: height)) {
      try PNG.decodeIndices(bytes, file: "bomb.png")
    }
    #expect(throws: ImageError.self) { try PNG.decodeColoredIndices(bytes, classes: 20, file: "bomb.png") }
  }

  /// A text, a profile and a suggested palette, each of which claims to have 2 GB.
  @Test("Chunks that claim a huge length take no memory.", arguments: ["tEXt", "zTXt", "iCCP", "sPLT", "eXIf"])
  func longChunksTakeNoMemory(type: String) throws {
    func size(_ field: String) throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(field) })
      return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1]))
    }
    var bytes = PNG.encode(Self.mask())
    bytes.insert(contentsOf: [0x7F, 0xFF, 0, 0] + Array(type.utf8) + [UInt8](repeating: 65, count: 300), at: 33)
    let limit = max(try size("VmPeak"), try size("VmSize") + 1 << 20)
    #expect(throws: ImageError.self) { try PNG.decodeIndices(bytes, file: "long.png") }
    // An empty chunk before the header.
    var first = PNG.encode(Self.mask())
    first.insert(contentsOf: [0, 0, 0, 0] + Array(type.utf8) + [0, 0, 0, 0], at: 8)
    let error = #expect(throws: ImageError.self) { try PNG.decodeIndices(first, file: "first.png") }
    #expect(error.map { "\($0)" }?.contains("IHDR is not the first chunk") == true)
    #expect(try size("VmPeak") <= limit, "kB; more than a gigabyte for \(bytes.count) bytes")
  }

  @Test("RGB masks in VOC's colours become indices.")
  func masksInVOCsColours() throws {
    let indices: [UInt8] = [0, 1, 20, 255, 7, 15]
    var image = RGBImage(width: 3, height: 2)
    for (i, index) in indices.enumerated() { image[i % 3, i / 3] = VOCPalette.color(index) }
    #expect(try PNG.decodeColoredIndices(PNG.encode(image), classes: 20, file: "-").indices == indices)
    #expect(throws: ImageError.foreignColor(file: "c.png", color: VOCPalette.color(20), x: 2, y: 0)) {
      try PNG.decodeColoredIndices(PNG.encode(image), classes: 19, file: "c.png")
    }
    let text = ImageError.foreignColor(file: "c.png", color: Color(1, 2, 3), x: 4, y: 5).description
    #expect(text.contains("c.png") && text.contains("(1, 2, 3) at x 4, y 5") && text.contains("palette PNG"))
    for file in ["rgba.png", "grey16.png", "grey-alpha.png"] {
      #expect(throws: ImageError.self) {
        try PNG.decodeColoredIndices(FileBytes.read(Golden.path(file)), classes: 20, file: file)
      }
    }
  }

  @Test("The palette of a file is read.")
  func palettesOfFiles() throws {
    let palette = try #require(PNG.palette(FileBytes.read(Golden.path("palette2.png"))))
    #expect(palette.prefix(4) == [Color(0, 255, 0), Color(1, 254, 0), Color(2, 253, 1), Color(3, 252, 1)])
    #expect(PNG.palette(PNG.encode(RGBImage(width: 2, height: 2))) == nil && PNG.palette([]) == nil)
    #expect(PNG.palette(Array(try FileBytes.read(Golden.path("palette8.png"))[..<60])) == nil)
  }
}
