// Damaged PNG files of every type, changed before and after checksums and compression.
import CZlib
import Foundation
import Images

struct PNGInputs: FuzzedDecoder {
  /// True to decode as a mask, false as a photograph.
  let mask: Bool
  let seeds: [[UInt8]]
  private let chunks: [[Chunk]]

  struct Chunk {
    var type: [UInt8]
    var data: [UInt8]
  }

  init(mask: Bool) {
    self.mask = mask
    // (colour type, depths)
    let kinds: [(Int, [Int])] = [
      (0, [1, 2, 4, 8, 16]), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16]),
    ]
    var files: [[Chunk]] = []
    for (type, depths) in kinds {
      for depth in depths {
        for interlaced in [false, true] {
          files.append(Self.file(type, depth, interlaced, width: 7 + depth % 5, height: 6))
        }
      }
    }
    files.append(Self.file(3, 8, false, width: 1, height: 1))
    var mask = IndexImage(width: 9, height: 5)
    for place in 0..<45 { mask.indices[place] = place < 9 ? 255 : UInt8(place % 21) }
    var colors = RGBImage(width: 9, height: 5)
    for place in 0..<45 { colors[place % 9, place / 9] = VOCPalette.color(mask.indices[place]) }
    seeds = files.map(Self.bytes) + [PNG.encode(mask), PNG.encode(colors)]
    chunks = files + [PNG.encode(mask), PNG.encode(colors)].map(Self.chunks)
  }

  func decode(_ bytes: [UInt8]) throws {
    guard mask else {
      let image = try Photograph.decode(bytes, file: "f")
      return try FuzzedDecoders.check(
        width: image.width, height: image.height, values: image.pixels.count, channels: 3)
    }
    _ = PNG.palette(bytes)
    let image: IndexImage
    do { image = try PNG.decodeIndices(bytes, file: "f") } catch {
      guard case .notIndices = error else { throw error }
      image = try PNG.decodeColoredIndices(bytes, classes: 20, file: "f")
      try ContractBreach.unless(image.indices.allSatisfy { $0 <= 20 || $0 == 255 }, "an index that is no class")
    }
    try FuzzedDecoders.check(width: image.width, height: image.height, values: image.indices.count, channels: 1)
    // The bit depth in the header, if that is of the palette file that was read.
    if bytes[25] == 3 {
      try ContractBreach.unless(
        image.indices.allSatisfy { Int($0) < 1 << Int(bytes[24]) }, "an index of too many bits")
    }
  }

  func input(_ mutation: Mutation) -> [UInt8] {
    let place = mutation.below(seeds.count)
    if mutation.chance(20) {
      var bytes = seeds[place]
      mutation.change(&bytes, other: mutation.pick(seeds))
      return bytes
    }
    var file = chunks[place]
    for _ in 0..<mutation.few() where !file.isEmpty {
      let at = mutation.below(file.count)
      switch mutation.below(10) {
      case 0, 1: mutation.rearrange(&file, other: mutation.pick(chunks))
      case 2, 3:
        file[at].data.isEmpty ? () : mutation.change(&file[at].data, other: mutation.pick(mutation.pick(chunks)).data)
      case 4: file[at].type = Array(mutation.pick(Self.types).utf8)
      case 5: mutation.changeInPlace(&file[0].data)
      case 6: split(&file, mutation)
      default: changePixels(&file, mutation)
      }
    }
    var bytes = Self.bytes(file)
    if mutation.chance(5) { mutation.changeInPlace(&bytes) }
    return bytes
  }

  private static let types = [
    "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "tEXt", "zTXt", "iTXt", "bKGD", "pHYs",
    "sBIT", "sPLT",
    "hIST", "tIME", "oFFs", "pCAL", "sCAL", "eXIf", "acTL", "ABCD", "abcd",
  ]

  /// Changes the inflated pixel stream: filters and values.
  private func changePixels(_ file: inout [Chunk], _ mutation: Mutation) {
    guard let at = file.firstIndex(where: { $0.type == Array("IDAT".utf8) }), var pixels = Zlib.inflate(file[at].data)
    else { return }
    if mutation.chance(50) { mutation.changeInPlace(&pixels) } else { mutation.change(&pixels, other: pixels) }
    file[at].data = Zlib.deflate(pixels)
  }

  private func split(_ file: inout [Chunk], _ mutation: Mutation) {
    guard let at = file.firstIndex(where: { $0.type == Array("IDAT".utf8) && $0.data.count > 1 }) else { return }
    let place = mutation.below(file[at].data.count)
    file.insert(Chunk(type: file[at].type, data: Array(file[at].data[place...])), at: at + 1)
    file[at].data.removeSubrange(place...)
  }

  // MARK: Whole files

  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]

  static func bytes(_ file: [Chunk]) -> [UInt8] {
    var bytes = signature
    for chunk in file {
      bytes.append(big: chunk.data.count, 4)
      let content = chunk.type + chunk.data
      bytes += content
      bytes.append(big: Int(crc32(0, content, UInt32(content.count))), 4)
    }
    return bytes
  }

  static func chunks(_ bytes: [UInt8]) -> [Chunk] {
    var (file, at): ([Chunk], Int) = ([], 8)
    while at + 12 <= bytes.count {
      let length = bytes.big(at, 4)
      file.append(Chunk(type: Array(bytes[at + 4..<at + 8]), data: Array(bytes[at + 8..<at + 8 + length])))
      at += 12 + length
    }
    return file
  }

  private static func file(_ type: Int, _ depth: Int, _ interlaced: Bool, width: Int, height: Int) -> [Chunk] {
    func chunk(_ type: String, _ data: [UInt8]) -> Chunk { Chunk(type: Array(type.utf8), data: data) }
    var header: [UInt8] = []
    header.append(big: width, 4)
    header.append(big: height, 4)
    header += [UInt8(depth), UInt8(type), 0, 0, interlaced ? 1 : 0]
    var file = [chunk("IHDR", header), chunk("gAMA", [0, 0, 0xB1, 0x8F])]
    if type == 3 { file.append(chunk("PLTE", (0..<3 << depth).map { UInt8(truncatingIfNeeded: $0 * 37) })) }
    if type == 3 { file.append(chunk("tRNS", [0, 128])) }
    if type == 0 { file.append(chunk("tRNS", [0, 1])) }
    // The first places and steps of the passes of Adam7: x0, y0, dx, dy.
    let passes =
      interlaced
      ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
      : [(0, 0, 1, 1)]
    let channels = [1, 0, 3, 1, 2, 0, 4][type]
    var pixels: [UInt8] = []
    for (x0, y0, dx, dy) in passes where width > x0 && height > y0 {
      let columns = (width - x0 + dx - 1) / dx
      for row in 0..<(height - y0 + dy - 1) / dy {
        pixels.append(UInt8(row % 5))
        pixels += (0..<(columns * channels * depth + 7) / 8).map { UInt8(truncatingIfNeeded: $0 * 29 + row * 7) }
      }
    }
    file.append(chunk("tEXt", Array("Title\0a seed".utf8)))
    file.append(chunk("IDAT", Zlib.deflate(pixels)))
    file.append(chunk("IEND", []))
    return file
  }
}

enum Zlib {
  static func deflate(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
    var count = compressBound(UInt(bytes.count))
    return [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
      let status = compress2(buffer.baseAddress, &count, bytes, UInt(bytes.count), level)
      precondition(status == Z_OK, "zlib's compress2 failed: \(status)")
      initialized = Int(count)
    }
  }

  /// Returns nil unless the bytes are an intact stream of at most 64 kB.
  static func inflate(_ bytes: [UInt8]) -> [UInt8]? {
    var (count, status): (UInt, Int32) = (1 << 16, 0)
    let result = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, initialized in
      status = uncompress(buffer.baseAddress, &count, bytes, UInt(bytes.count))
      initialized = status == Z_OK ? Int(count) : 0
    }
    return status == Z_OK ? result : nil
  }
}
