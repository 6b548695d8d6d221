// The crops of the segmentation phase in memory, and their encoding in packs and messages between ranks.
import Datasets

package struct CropList: Sendable, Equatable {
  /// The path of the list, for messages.
  package var name: String
  /// The SHA-256 of the lines that do not begin with #, each ended by one line feed.
  package let digest: String
  /// The last line of the header, which describes how the list was made; empty for a list of another tool.
  package let origin: String
  /// Image ids in the order in which they first occur. Records refer to positions in this array.
  package let ids: [String]
  /// The line, from 1, in which each image first occurs.
  package let firstLines: [UInt32]
  package let records: [CropRecord]

  package init(
    name: String, digest: String, origin: String, ids: [String], firstLines: [UInt32], records: [CropRecord]
  ) {
    self.name = name
    self.digest = digest
    self.origin = origin
    self.ids = ids
    self.firstLines = firstLines
    self.records = records
  }

  /// Returns the crops of the chosen images, in list order. Their `image` is the position in `chosen`.
  ///
  /// - Parameters:
  ///   - candidates: the images that may occur in the list. Those not chosen are skipped.
  ///   - imageList: the name of the list of `candidates`, for messages.
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

  /// The list as bytes: three counts of 8 bytes (images, crops, bytes of text), the text (name, digest, origin and ids,
  /// each ended by a line feed), the first lines of the images of 4 bytes, the crops of 16 bytes. All are little-endian
  /// and without padding.
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

  /// Decodes a list, or returns nil where the bytes are invalid.
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
