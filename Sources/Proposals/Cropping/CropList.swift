// The crops of the segmentation phase in memory, and as bytes that packs hold and ranks send each other.
import Datasets

/// One crop: 16 bytes, for there may be millions.
package struct CropRecord: BitwiseCopyable, Sendable, Equatable {
  package var image: UInt32
  /// Bit c - 1 stands for class c.
  package var labels: UInt32
  package var x1, y1, x2, y2: Int16

  package init(image: UInt32, labels: UInt32, x1: Int16, y1: Int16, x2: Int16, y2: Int16) {
    (self.image, self.labels) = (image, labels)
    (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2)
  }

  package var box: Box { Box(x1: Int(x1), y1: Int(y1), x2: Int(x2), y2: Int(y2)) }
  package var combination: LabelCombination { LabelCombination(bits: UInt64(labels)) }
}

package struct CropList: Sendable, Equatable {
  /// The list's path, for messages.
  package var name: String
  /// SHA-256 of the lines without those that begin with #, each ended by one line feed.
  package let digest: String
  /// The head's last line: how the list was made; empty for another tool's list.
  package let origin: String
  /// Image ids in the order in which they first occur; records hold positions here.
  package let ids: [String]
  /// Line, from 1, in which each image first occurs.
  package let firstLines: [UInt32]
  package let records: [CropRecord]

  package init(
    name: String, digest: String, origin: String, ids: [String], firstLines: [UInt32], records: [CropRecord]
  ) {
    (self.name, self.digest, self.origin) = (name, digest, origin)
    (self.ids, self.firstLines, self.records) = (ids, firstLines, records)
  }

  /// The crops of the chosen images, in the list's order; `image` is then the position in `chosen`.
  ///
  /// - Parameters:
  ///   - candidates: the images that the list may speak of; those not chosen are passed over.
  ///   - imageList: what `candidates` are called in messages.
  package func records(
    of chosen: [ListedImage], labels: [LabelVector], among candidates: [ListedImage], imageList: String,
    classNames: [String]
  ) throws(CropListError) -> [CropRecord] {
    let places = Dictionary(chosen.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    let known = Set(candidates.map(\.id))
    var targets = [UInt32](repeating: .max, count: ids.count)
    var allowed = [UInt32](repeating: 0, count: ids.count)
    for (number, id) in ids.enumerated() {
      guard known.contains(id) else {
        throw .unknownImage(list: name, line: Int(firstLines[number]), id: id, images: imageList)
      }
      guard let place = places[id] else { continue }
      targets[number] = UInt32(place)
      allowed[number] = labels[place].enumerated().reduce(0) { $1.element ? $0 | 1 << UInt32($1.offset) : $0 }
    }
    var selected: [CropRecord] = []
    selected.reserveCapacity(chosen.count == candidates.count ? records.count : 0)
    var met = [Bool](repeating: false, count: chosen.count)
    for var record in records {
      let number = Int(record.image)
      guard targets[number] != .max else { continue }
      let foreign = record.labels & ~allowed[number]
      guard foreign == 0 else {
        let label = foreign.trailingZeroBitCount + 1
        throw .foreignLabel(
          list: name, line: Int(firstLines[number]), id: ids[number],
          label: label < classNames.count ? classNames[label] : "class \(label)")
      }
      record.image = targets[number]
      met[Int(record.image)] = true
      selected.append(record)
    }
    // An image without a label has no combination, and so no crop.
    if let missing = chosen.indices.first(where: { !met[$0] && labels[$0].contains(true) }) {
      throw .noCrops(list: name, id: chosen[missing].id)
    }
    return selected
  }

  // MARK: Bytes

  /// Three counts of 8 bytes (images, crops, bytes of text), the text (name, digest, origin and ids, each ended by a line
  /// feed), the images' first lines of 4 bytes, the crops of 16 bytes; little-endian, nothing between them.
  package var encoded: [UInt8] {
    let text = Array(([name, digest, origin] + ids).map { $0 + "\n" }.joined().utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(24 + text.count + 4 * ids.count + 16 * records.count)
    for count in [ids.count, records.count, text.count] {
      withUnsafeBytes(of: UInt64(count).littleEndian) { bytes += $0 }
    }
    bytes += text
    firstLines.withUnsafeBytes { bytes += $0 }
    records.withUnsafeBytes { bytes += $0 }
    return bytes
  }

  /// nil where the bytes are no list.
  package init?(encoded bytes: [UInt8]) {
    let found: CropList? = bytes.withUnsafeBytes { bytes in
      guard bytes.count >= 24 else { return nil }
      let counts = (0..<3).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
      guard counts.allSatisfy({ $0 < 1 << 40 }) else { return nil }
      let (images, crops, text) = (Int(counts[0]), Int(counts[1]), Int(counts[2]))
      guard bytes.count == 24 + text + 4 * images + 16 * crops else { return nil }
      let lines = bytes[24..<24 + text].split(separator: 10, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      guard lines.count == images + 4 else { return nil }
      let firstLines = [UInt32](unsafeUninitializedCapacity: images) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes[(24 + text)...].prefix(4 * images))
        count = images
      }
      let records = [CropRecord](unsafeUninitializedCapacity: crops) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes[(24 + text + 4 * images)...])
        count = crops
      }
      return CropList(
        name: lines[0], digest: lines[1], origin: lines[2], ids: Array(lines[3..<3 + images]), firstLines: firstLines,
        records: records)
    }
    guard let found,
      found.records.allSatisfy({ $0.image < found.ids.count && $0.labels != 0 && $0.x1 <= $0.x2 && $0.y1 <= $0.y2 })
    else { return nil }
    self = found
  }
}
