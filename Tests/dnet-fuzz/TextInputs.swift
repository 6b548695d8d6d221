// Damaged image lists and crop lists: changed in bytes, fields and lines. Crop lists also get a valid header again, and
// are changed in the encoding of packs and messages.
import Datasets
import Foundation
import Images
import Proposals
import Support

/// Fields and line ends with a meaning, or similar to such.
private enum Fields {
  static let odd = [
    "/", "//", ".", "..", ".jpg", "a.jpg", "/J/a.jpg", "/S/a.png", "a.PNG", "#", "# sha256 ", "\u{FEFF}", "\r", "\r\n",
    "\n", "\u{2028}",
    "\u{85}", "\u{301}", "\0", "-", "--1", "0", "1", "-1", "2", "32767", "32768", "-32768", "-32769", "65536",
    "4294967296",
    "99999999999999999999", "+1", "1e3", "١", " ", "\t", "\u{A0}", "\u{1F9EA}", "# 3 crops", "# -3 crops",
    "# dnet crop list 2",
  ].map { Array($0.utf8) }

  static func change(_ bytes: inout [UInt8], _ mutation: Mutation, other: [UInt8]) {
    for _ in 0..<mutation.few() {
      switch mutation.below(5) {
      case 0: mutation.change(&bytes, other: other)
      case 1:
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        mutation.rearrange(&lines, other: other.split(separator: 10))
        bytes = Array(lines.joined(separator: [10]))
      case 2: bytes.insert(contentsOf: mutation.pick(odd), at: mutation.below(bytes.count + 1))
      default:
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
        guard !lines.isEmpty else { continue }
        let line = mutation.below(lines.count)
        var fields = lines[line].split(separator: 32).map { Array($0) }
        guard !fields.isEmpty else { continue }
        if mutation.chance(40) {
          mutation.rearrange(&fields, other: odd)
        } else {
          fields[mutation.below(fields.count)] = mutation.pick(odd)
        }
        lines[line] = Array(fields.joined(separator: [32]))
        bytes = Array(lines.joined(separator: [10]))
      }
    }
  }
}

struct ListInputs: FuzzedDecoder {
  let file: String
  let seeds =
    [
      "2007_000032\n2007_000039\n2007_000063\n",
      "/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\nimages/a.png\n",
      "# a comment\r\n\r\na\r\n b.c \r\nd", "\u{FEFF}a\nphotographs/x.jpeg masks/x.png\n\u{FC}ber.jpg\n",
    ].map { Array($0.utf8) } + [ListFile.bytes(["a", "b"], comments: ["seed 1"])]

  func decode(_ bytes: [UInt8]) throws {
    if let digests = ListFile.digests(bytes) {
      try ContractBreach.unless(digests.found.count == 64, "a digest of other length")
    }
    try FileBytes.write(bytes, to: file)
    let images = try ImageList.read(file)
    try ContractBreach.unless(!images.isEmpty && images[0].line >= 1, "no image")
    try ContractBreach.unless(zip(images, images.dropFirst()).allSatisfy { $0.line < $1.line }, "lines out of order")
    for image in images {
      try ContractBreach.unless(
        !image.id.isEmpty && !image.id.utf8.contains(47), "line \(image.line): the id \"\(image.id)\"")
      try ContractBreach.unless(image.mask == nil || image.photograph != nil, "a mask without a photograph")
    }
  }

  func input(_ mutation: Mutation) -> [UInt8] {
    var bytes = mutation.pick(seeds)
    Fields.change(&bytes, mutation, other: mutation.pick(seeds))
    return bytes
  }
}

struct CropInputs: FuzzedDecoder {
  /// Lists as text, and the same in the encoding of packs.
  let seeds: [[UInt8]]
  private let texts: Int

  static let lines = """
    /J/a.jpg /S/a.png 1 2 10 20 0 1 0
    /J/a.jpg /S/a.png -1 -2 10 20 0 1 1
    /J/b.jpg /S/b.png 0 0 32767 32767 1 0 0
    /J/c.jpg - 3 3 3 3 1 1 1
    """ + "\n"

  init() {
    let header =
      "# dnet crop list 1\n# sha256 \(String(repeating: "0", count: 64))\n# 3 crops: made up\n# seed 1; random boxes\n"
    let sound = Self.lines.split(separator: "\n").dropLast().joined(separator: "\n") + "\n"
    let texts = [
      Self.withDigest(Array((header + sound).utf8)), Array(sound.utf8), Array(Self.lines.utf8),
      Array(sound.replacing("\n", with: "\r\n").utf8),
      Array("a.jpg a.png 0 0 4 4\(String(repeating: " 1", count: 32))\n".utf8),
    ]
    self.texts = texts.count
    seeds = texts + texts.compactMap { try? CropListReader.parse($0, name: "crops.txt").encoded }
  }

  func decode(_ bytes: [UInt8]) throws {
    // The encoding of packs begins with a small count, which no text begins with.
    guard let first = bytes.first, first < 9 else {
      let list = try CropListReader.parse(bytes, name: "f")
      try Self.check(list)
      return try ContractBreach.unless(CropList(encoded: list.encoded) == list, "another list after encoding")
    }
    guard let list = CropList(encoded: bytes) else { throw Refused() }
    try Self.check(list)
  }

  struct Refused: Error, CustomStringConvertible { let description = "no encoded list" }

  static func check(_ list: CropList) throws(ContractBreach) {
    try ContractBreach.unless(
      list.firstLines.count == list.ids.count, "\(list.ids.count) ids, \(list.firstLines.count) lines")
    for record in list.records {
      try ContractBreach.unless(
        Int(record.image) < list.ids.count && record.labels != 0 && record.x1 <= record.x2 && record.y1 <= record.y2,
        "crop \(record)")
    }
  }

  func input(_ mutation: Mutation) -> [UInt8] {
    if mutation.chance(30), seeds.count > texts {
      var bytes = seeds[texts + mutation.below(seeds.count - texts)]
      let old = bytes
      mutation.chance(50) ? mutation.change(&bytes, other: old) : mutation.changeInPlace(&bytes)
      // The counts are corrected, so that the contents are checked.
      if mutation.chance(30), bytes.count == old.count { bytes.replaceSubrange(0..<24, with: old[..<24]) }
      if let first = bytes.first, first >= 9 { bytes[0] = first % 9 }
      return bytes
    }
    var bytes = seeds[mutation.below(texts)]
    Fields.change(&bytes, mutation, other: seeds[mutation.below(texts)])
    return mutation.chance(60) ? Self.withDigest(bytes) : bytes
  }

  /// Returns the text with the right digest in its header, where it has one.
  private static func withDigest(_ bytes: [UInt8]) -> [UInt8] {
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
    let title = Array("# sha256 ".utf8)
    guard let place = lines.firstIndex(where: { $0.starts(with: title) }) else { return bytes }
    let digest = SHA256()
    for line in lines where line.first != UInt8(ascii: "#") {
      let end = (line.lastIndex { $0 != 13 && $0 != 32 && $0 != 9 } ?? -1) + 1
      if end > 0 { Array(line[..<end] + [10]).withUnsafeBytes { digest.update($0) } }
    }
    lines[place] = title + Array(digest.hex().utf8)
    return Array(lines.joined(separator: [10]))
  }
}
