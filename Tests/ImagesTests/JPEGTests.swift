// Tests of the JPEG decoder and encoder.
import Foundation
import Images
import Support
import Testing

@Suite struct JPEGTests {
  static func difference(_ a: RGBImage, _ b: RGBImage) -> (largest: Int, mean: Double) {
    #expect(a.width == b.width && a.height == b.height)
    let differences = zip(a.pixels, b.pixels).map { abs(Int($0) - Int($1)) }
    return (differences.max()!, Double(differences.reduce(0, +)) / Double(differences.count))
  }

  /// Pillow has a libjpeg of its own, whose version may round differently by one.
  @Test("Files decode to the pixels that Pillow decodes.", arguments: ["color", "progressive", "grey", "cmyk"])
  func decodesAsPillowDoes(name: String) throws {
    let expected = try PNG.decodeRGB(file: Golden.path("\(name).expected.png"))
    let decoded = try JPEG.decode(file: Golden.path("\(name).jpg"))
    #expect(Self.difference(decoded, expected).largest <= 2)
  }

  @Test(
    "Encoding and decoding keeps an image within a small error.", arguments: [(1, 1), (8, 8), (33, 17), (160, 112)])
  func roundTripKeepsTheImage(width: Int, height: Int) throws {
    let image = Golden.smoothImage(width, height)
    let bytes = JPEG.encode(image, quality: 92)
    #expect(Self.difference(try JPEG.decode(bytes, file: "-"), image).mean < 4)
    #expect(JPEG.encode(image, quality: 92) == bytes)
    if width * height > 1000 { #expect(JPEG.encode(image, quality: 20).count < bytes.count) }
  }

  @Test("Noise at the highest quality fits into the output buffer.")
  func noiseAtTheHighestQualityFits() throws {
    let image = Golden.noiseImage(257, 129)
    #expect(try JPEG.decode(JPEG.encode(image, quality: 100), file: "-").width == 257)
  }

  @Test("A file truncated at any length is an error.")
  func truncatedFilesAreErrorsAtEveryLength() throws {
    for name in ["color.jpg", "progressive.jpg"] {
      let bytes = try FileBytes.read(Golden.path(name))
      for length in 0..<bytes.count {
        #expect(throws: ImageError.self, "\(name) cut to \(length) bytes") {
          try JPEG.decode(Array(bytes[..<length]), file: name)
        }
      }
    }
    let bytes = try FileBytes.read(Golden.path("color.jpg"))
    let error = #expect(throws: ImageError.self) { try JPEG.decode(Array(bytes[..<700]), file: "cut.jpg") }
    let text = try #require(error).description
    #expect(text.contains("cut.jpg") && text.lowercased().contains("premature end"))
  }

  @Test("Other files and missing files are errors.")
  func otherFilesAreErrors() throws {
    #expect(throws: ImageError.self) { try JPEG.decode(file: Golden.path("rgb.png")) }
    #expect(throws: FileError.unreadable(file: "/nowhere.jpg", reason: "No such file or directory")) {
      try JPEG.decode(file: "/nowhere.jpg")
    }
  }

  @Test("A size above the limit is an error.")
  func absurdSizesAreErrors() throws {
    var bytes = try FileBytes.read(Golden.path("color.jpg"))
    // The frame header: FF C0, length, precision, height, width.
    let frame = try #require((0..<bytes.count - 1).first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    for i in 5...8 { bytes[frame + i] = 0xFD }
    #expect(throws: ImageError.tooLarge(file: "big.jpg", width: 0xFDFD, height: 0xFDFD)) {
      try JPEG.decode(bytes, file: "big.jpg")
    }
  }

  @Test("The format of a photograph is recognized by its contents.")
  func photographsAreToldByTheirContents() throws {
    let folder = try Golden.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let image = Golden.smoothImage(20, 10)
    try FileBytes.write(PNG.encode(image), to: folder + "/png-inside.jpg")
    #expect(try Photograph.decode(file: folder + "/png-inside.jpg") == image)
    try JPEG.write(image, to: folder + "/a.jpg")
    #expect(try Photograph.decode(file: folder + "/a.jpg") == JPEG.decode(file: folder + "/a.jpg"))
    try FileBytes.write(Array("GIF89a".utf8), to: folder + "/a.gif")
    #expect(throws: ImageError.unknownFormat(file: folder + "/a.gif", start: "47 49 46 38")) {
      try Photograph.decode(file: folder + "/a.gif")
    }
    try FileBytes.write([UInt8](), to: folder + "/empty.jpg")
    #expect(throws: ImageError.self) { try Photograph.decode(file: folder + "/empty.jpg") }
  }
}
