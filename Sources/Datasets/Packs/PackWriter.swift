// The writer of packs: all photographs and masks of some lists in one file. Each is decoded once as a check.
import Compute
import Foundation
import Images
import Support

package enum PackWriter {
  /// The numbers of items and bytes that were packed.
  package struct Summary: Sendable, Equatable {
    package var items: Int
    package var masks: Int
    package var bytes: Int
  }

  /// Writes the pack, which appears under its name when it is complete.
  ///
  /// Every image is decoded once, so that a damaged file, a mask of another size or an unknown index is found here and
  /// not during training. The bytes do not depend on the number of workers.
  ///
  /// - Parameters:
  ///   - lists: names as the configuration gives them. Each list keeps its name; an image in several is packed once.
  ///   - crops: a crop list as encoded by `CropList.encoded`, or empty.
  ///   - progress: called with the number of items done and the total.
  package static func write(
    to path: String, _ directory: VOCDirectory, lists names: [String], crops: [UInt8] = [], workers: WorkerPool,
    progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws -> Summary {
    guard !names.isEmpty else { throw PackError.nothingToPack }
    var images: [ListedImage] = []
    var places: [String: (item: Int, mask: String?)] = [:]
    var lists: [(name: String, items: [Int])] = []
    for name in names where !lists.contains(where: { $0.name == name }) {
      var items: [Int] = []
      for image in try directory.images(list: name) {
        let (key, mask) = directory.names(of: image)
        if let known = places[key] {
          guard known.mask == mask else { throw PackError.sameName(name: key) }
          items.append(known.item)
        } else {
          places[key] = (images.count, mask)
          items.append(images.count)
          images.append(image)
        }
      }
      lists.append((name, items))
    }
    let labels = try directory.imageLabels(images, workers: workers)

    let file = try AtomicFile(path)
    try file.append([UInt8](repeating: 0, count: PackFormat.headerBytes))
    var strings: [UInt8] = []
    func intern(_ text: String) -> Range<Int> {
      let start = strings.count
      strings += text.utf8
      return start..<strings.count
    }
    var entries: [UInt8] = []
    var summary = Summary(items: images.count, masks: 0, bytes: 0)
    // In rounds, so that memory holds the files of one round.
    for start in stride(from: 0, to: images.count, by: 64) {
      let end = min(start + 64, images.count)
      let contents = try workers.map(Array(images[start..<end])) { try Contents(directory, $0) }
      for (offset, content) in contents.enumerated() {
        let (photographName, maskName) = directory.names(of: images[start + offset])
        var entry = PackEntry()
        entry.photographAt = file.count
        entry.photographBytes = content.photograph.count
        entry.photographWord = content.photographWord
        entry.photographName = intern(photographName)
        try file.append(content.photograph)
        if let mask = content.mask, let maskName {
          entry.maskAt = file.count
          entry.maskBytes = mask.count
          entry.maskWord = content.maskWord
          entry.maskName = intern(maskName)
          try file.append(mask)
          summary.masks += 1
        }
        entry.labels = labels[start + offset].enumerated().reduce(PackEntry.labelsKnown) {
          $1.element ? $0 | 1 << UInt64($1.offset) : $0
        }
        entry.write(to: &entries)
      }
      progress(end, images.count)
    }

    var listBytes: [UInt8] = []
    for list in lists {
      let name = intern(list.name)
      for value in [name.lowerBound, name.count, list.items.count] + list.items { listBytes.append(UInt32(value)) }
    }
    let classNames = intern(directory.classNames.map { $0 + "\n" }.joined())
    var header = [UInt8](repeating: 0, count: PackFormat.headerBytes)
    header.replaceSubrange(0..<8, with: PackFormat.magic)
    typealias Place = PackFormat.Header
    header[Place.version] = UInt8(PackFormat.version)
    header[Place.entryBytes] = UInt8(PackFormat.entryBytes)
    header.put(images.count, at: Place.items)
    header.put(directory.classes, at: Place.classes)
    header.put(lists.count, at: Place.lists)
    header.put(classNames.lowerBound | classNames.count << 32, at: Place.classNamesAt)
    header.put(file.count, at: Place.entriesAt)
    header.put(file.count + entries.count, at: Place.stringsAt)
    header.put(strings.count, at: Place.stringsBytes)
    header.put(file.count + entries.count + strings.count, at: Place.listsAt)
    header.put(listBytes.count, at: Place.listsBytes)
    let index = entries + strings + listBytes
    try file.append(index)
    header.put(file.count, at: Place.cropsAt)
    header.put(crops.count, at: Place.cropsBytes)
    let word = SHA256.word(of: crops)
    withUnsafeBytes(of: word.littleEndian) { header.replaceSubrange(Place.cropsWord..<Place.cropsWord + 8, with: $0) }
    try file.append(crops)
    header.put(file.count, at: Place.fileBytes)
    let digest = SHA256()
    header[..<PackFormat.digestOffset].withUnsafeBytes { digest.update($0) }
    index.withUnsafeBytes { digest.update($0) }
    header.replaceSubrange(PackFormat.digestOffset..., with: digest.bytes())
    try file.replace(at: 0, by: header)
    summary.bytes = file.count
    try file.publish()
    return summary
  }

  /// The files of one image, decoded once to verify them.
  private struct Contents {
    let photograph: [UInt8]
    let mask: [UInt8]?
    let photographWord: UInt64
    let maskWord: UInt64

    init(_ directory: VOCDirectory, _ image: ListedImage) throws {
      let path = directory.photographPath(image)
      photograph = try FileBytes.read(path)
      photographWord = SHA256.word(of: photograph)
      let decoded = try Photograph.decode(photograph, file: path)
      guard let maskPath = directory.maskPath(image) else {
        mask = nil
        maskWord = 0
        return
      }
      let bytes = try FileBytes.read(maskPath)
      let indices = try PNG.decodeIndices(bytes, file: maskPath)
      try directory.requireClasses(of: indices, name: maskPath)
      guard indices.width == decoded.width && indices.height == decoded.height else {
        throw DatasetError.sizeMismatch(
          photograph: path, width: decoded.width, height: decoded.height, mask: maskPath, maskWidth: indices.width,
          maskHeight: indices.height)
      }
      mask = bytes
      maskWord = SHA256.word(of: bytes)
    }
  }
}
