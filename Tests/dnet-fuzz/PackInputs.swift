// Damaged packs (docs/formats.md, "Packs"): changed as bytes, and in header, index, images and crops with valid
// checksums.
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Support

struct PackInputs: FuzzedDecoder {
  let seeds: [[UInt8]]
  private let file: String
  private let workers: WorkerPool

  /// The offsets of the numbers in the header.
  private static let (entriesAt, cropsAt, cropsBytes, cropsWord, digestAt, headerBytes) = (48, 88, 96, 104, 224, 256)

  init(folder: String) throws {
    let (file, workers) = (folder + "/fuzzed.pack", WorkerPool(threads: 1))
    let root = folder + "/set"
    for name in ["JPEGImages", "SegmentationClassAug", "ImageSets/Main"] { try FileBytes.makeFolder("\(root)/\(name)") }
    for (place, id) in ["a", "b", "c"].enumerated() {
      try PNG.write(
        RGBImage(width: 4 + place, height: 3, color: Color(90, 120, 30)), to: "\(root)/JPEGImages/\(id).jpg")
      if id != "c" {
        try FileBytes.write(
          PNG.encodeGrey(IndexImage(width: 4 + place, height: 3, index: UInt8(place + 1))),
          to: "\(root)/SegmentationClassAug/\(id).png")
      }
    }
    try FileBytes.write("c 1\n".utf8, to: root + "/ImageSets/Main/bicycle_train.txt")
    try FileBytes.write("a\nb\n".utf8, to: root + "/strong.txt")
    try FileBytes.write("a\nb\nc\n".utf8, to: root + "/weak.txt")
    let set = try VOCDirectory(root: root, classes: 3)
    let crops = try CropListReader.parse(
      CropInputs.lines.split(separator: "\n").prefix(3).joined(separator: "\n"), name: "crops.txt"
    ).encoded
    seeds = try [(["strong.txt", "weak.txt"], crops), (["strong.txt"], [])].map { lists, crops in
      _ = try PackWriter.write(to: file, set, lists: lists, crops: crops, workers: workers)
      return try FileBytes.read(file)
    }
    self.file = file
    self.workers = workers
  }

  /// Does everything that training does with a pack.
  func decode(_ bytes: [UInt8]) throws {
    try FileBytes.write(bytes, to: file)
    let pack = try PackedSet(file)
    try ContractBreach.unless((1...63).contains(pack.classes), "\(pack.classes) classes")
    var first: (any Error)?
    func note(_ work: () throws -> Void) throws {
      do { try work() } catch let error as ContractBreach { throw error } catch { first = first ?? error }
    }
    for name in pack.listNames.prefix(4) {
      try note {
        let images = try pack.images(list: name)
        try note {
          for labels in try pack.imageLabels(images, workers: workers) {
            try ContractBreach.unless(labels.count == pack.classes, "\(labels.count) labels")
          }
        }
        for image in images.prefix(4) {
          try note {
            let photograph = try pack.photograph(image)
            try FuzzedDecoders.check(
              width: photograph.width, height: photograph.height, values: photograph.pixels.count, channels: 3)
          }
          try note {
            let mask = try pack.loadMask(image)
            try FuzzedDecoders.check(width: mask.width, height: mask.height, values: mask.indices.count, channels: 1)
            try ContractBreach.unless(
              mask.indices.allSatisfy { $0 <= pack.classes || $0 == 255 }, "an index that is no class")
          }
        }
      }
    }
    try note { try pack.verify(workers: workers) }
    try note {
      guard let crops = try pack.cropBytes() else { return }
      guard let list = CropList(encoded: crops) else { throw CropInputs.Refused() }
      try CropInputs.check(list)
    }
    if let first { throw first }
  }

  func input(_ mutation: Mutation) -> [UInt8] {
    var bytes = mutation.pick(seeds)
    let (index, end) = (bytes.little(Self.entriesAt, 8), bytes.little(Self.cropsAt, 8))
    switch mutation.below(10) {
    case 0, 1:
      mutation.change(&bytes, other: mutation.pick(seeds))
      return bytes
    case 2, 3:
      // An image, with its checksum corrected.
      let entry = index + 80 * mutation.below(bytes.little(16, 8))
      let isMask = mutation.chance(50)
      let at = bytes.little(entry + (isMask ? 8 : 0), 8)
      let range = at..<at + bytes.little(entry + (isMask ? 20 : 16), 4)
      var item = Array(bytes[range])
      mutation.changeInPlace(&item)
      bytes.replaceSubrange(range, with: item)
      bytes.put(little: SHA256.word(of: item), at: entry + (isMask ? 32 : 24))
    case 4:
      var crops = Array(bytes[end...])
      mutation.changeInPlace(&crops)
      bytes.replaceSubrange(end..., with: crops)
      bytes.put(little: SHA256.word(of: crops), at: Self.cropsWord)
    case 5, 6:
      var header = Array(bytes[8..<120])
      for _ in 0..<mutation.few(4) { mutation.changeNumber(&header, aligned: 4) }
      bytes.replaceSubrange(8..<120, with: header)
    case 7:
      // An index of another length, with the crops, the file and the lengths adjusted.
      var part = Array(bytes[index..<end])
      mutation.change(&part, other: part)
      bytes.replaceSubrange(index..<end, with: part)
      let more = part.count - (end - index)
      for place in [24, Self.cropsAt, mutation.pick([64, 80])] {
        bytes.put(little: UInt64(bitPattern: Int64(bytes.little(place, 8) + more)), at: place)
      }
    default:
      var part = Array(bytes[index..<end])
      if mutation.chance(60) { mutation.changeNumber(&part, aligned: 4) } else { mutation.changeInPlace(&part) }
      bytes.replaceSubrange(index..<end, with: part)
    }
    let (from, to) = (bytes.word(Self.entriesAt), bytes.word(Self.cropsAt))
    guard from <= to, to <= UInt64(bytes.count) else { return bytes }
    let digest = SHA256()
    bytes[..<Self.digestAt].withUnsafeBytes { digest.update($0) }
    bytes[Int(from)..<Int(to)].withUnsafeBytes { digest.update($0) }
    bytes.replaceSubrange(Self.digestAt..<Self.headerBytes, with: digest.bytes())
    return bytes
  }
}

extension [UInt8] {
  fileprivate func word(_ place: Int) -> UInt64 { (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(self[place + $1]) } }
}
