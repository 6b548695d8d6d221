// The reader of crop lists: dnet's own, whose header is checked, and those of other tools without a header. CRLF line
// ends, blank lines and a missing last line feed are accepted. The SHA-256 is that of the lines as dnet writes them.
//
// Goals in order: no line is misread silently, speed (the list for all of VOC has half a gigabyte).
import Datasets
import Images
import Support

package enum CropListReader {
  /// Reads the list.
  package static func read(_ path: String) throws(CropListError) -> CropList {
    try requireOneLine(path)
    let file: MappedFile
    do { file = try MappedFile(path) } catch { throw .unreadable(list: path, reason: error.reason) }
    return try withExtendedLifetime(file) { () throws(CropListError) in try parse(file.bytes, name: path) }
  }

  /// Throws `lineFeedInPath`.
  package static func requireOneLine(_ path: String) throws(CropListError) {
    guard !path.utf8.contains(CropListText.lineFeed) else { throw .lineFeedInPath(list: path) }
  }

  package static func parse(_ text: String, name: String) throws(CropListError) -> CropList {
    try parse(Array(text.utf8), name: name)
  }

  package static func parse(_ bytes: [UInt8], name: String) throws(CropListError) -> CropList {
    let result: Result<CropList, CropListError> = bytes.withUnsafeBytes { bytes in
      do throws(CropListError) { return .success(try parse(bytes, name: name)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer, name: String) throws(CropListError) -> CropList {
    var lines = Lines(bytes, name)
    while let line = lines.next() {
      if bytes[line.lowerBound] == UInt8(ascii: "#") {
        try lines.readHeader(line)
      } else {
        do throws(CropListError) { try lines.readCrop(line) } catch { throw lines.endWithinLine ?? error }
      }
    }
    return try lines.finish()
  }
}

/// The state of reading a list line by line.
private struct Lines {
  let bytes: UnsafeRawBufferPointer
  let name: String
  var number = 0
  var place = 0
  var expectedDigest: String?
  var expectedCrops: Int?
  var origin = ""
  var ids: [String] = []
  var numbers: [String: UInt32] = [:]
  var firstLines: [UInt32] = []
  var records: [CropRecord] = []
  /// The name fields of the previous line, which most lines repeat.
  var lastNames = 0..<0
  var columns: Int?
  let digest = SHA256()
  /// A run of lines whose bytes are as dnet writes them. They are digested together.
  var pending = 0..<0

  init(_ bytes: UnsafeRawBufferPointer, _ name: String) {
    self.bytes = bytes
    self.name = name
  }

  /// Returns the next line that is not blank, without its end. Blank lines are counted.
  mutating func next() -> Range<Int>? {
    while place < bytes.count {
      let start = place
      while place < bytes.count && bytes[place] != CropListText.lineFeed { place += 1 }
      var end = place
      place += 1
      number += 1
      while end > start && (bytes[end - 1] == 13 || bytes[end - 1] == 32 || bytes[end - 1] == 9) { end -= 1 }
      if end > start { return start..<end }
    }
    return nil
  }

  mutating func readHeader(_ line: Range<Int>) throws(CropListError) {
    let text = String(decoding: bytes[line], as: UTF8.self)
    if text.hasPrefix(CropListText.title) {
      let version = String(text.dropFirst(CropListText.title.count))
      guard version == "1" else { throw .otherVersion(list: name, version: version) }
    } else if text.hasPrefix(CropListText.digestTitle) {
      expectedDigest = String(text.dropFirst(CropListText.digestTitle.count))
    } else if expectedDigest != nil, expectedCrops == nil {
      expectedCrops = text.dropFirst(2).split(separator: " ").first.flatMap { Int($0) }
    } else if expectedDigest != nil, origin.isEmpty {
      origin = String(text.dropFirst(2))
    }
  }

  mutating func readCrop(_ line: Range<Int>) throws(CropListError) {
    addToDigest(line)
    var place = line.lowerBound
    var image = field(&place, line)
    var fields = image.isEmpty ? 0 : 1
    let mask = field(&place, line)
    fields += mask.isEmpty ? 0 : 1
    if !same(lastNames, image.lowerBound..<mask.upperBound) || mask.isEmpty {
      if !mask.isEmpty { try startImage(image, mask) }
      lastNames = image.lowerBound..<mask.upperBound
    }
    image = 0..<0
    var corners: (Int16, Int16, Int16, Int16) = (0, 0, 0, 0)
    for corner in 0..<4 {
      let range = field(&place, line)
      guard !range.isEmpty else { throw wrongFields(fields) }
      fields += 1
      guard let value = integer(range) else {
        throw .notANumber(
          list: name, line: number, field: ["x1", "y1", "x2", "y2"][corner], text: String(text(range).prefix(40)))
      }
      switch corner {
      case 0: corners.0 = value
      case 1: corners.1 = value
      case 2: corners.2 = value
      default: corners.3 = value
      }
    }
    var labels: UInt32 = 0
    var column = 0
    while true {
      let range = field(&place, line)
      guard !range.isEmpty else { break }
      column += 1
      fields += 1
      guard column <= 32 else { throw wrongFields(6 + column + remaining(&place, line)) }
      switch (range.count, bytes[range.lowerBound]) {
      case (1, CropListText.zero): break
      case (1, CropListText.one): labels |= 1 << UInt32(column - 1)
      default: throw .badLabel(list: name, line: number, column: column, text: String(text(range).prefix(40)))
      }
    }
    if columns == nil, column > 0 { columns = column }
    guard column > 0, column == columns else { throw wrongFields(fields) }
    guard labels != 0 else { throw .noLabel(list: name, line: number) }
    guard corners.0 <= corners.2 && corners.1 <= corners.3 else {
      throw .badBox(list: name, line: number, box: "\(corners.0) \(corners.1) \(corners.2) \(corners.3)")
    }
    records.append(
      CropRecord(image: current, labels: labels, x1: corners.0, y1: corners.1, x2: corners.2, y2: corners.3))
  }

  func wrongFields(_ found: Int) -> CropListError {
    .fields(list: name, line: number, found: found, wanted: columns.map { "\(6 + $0)" } ?? "7 to 38")
  }

  /// The error where there are fewer crops than the header states; nil otherwise.
  var shortage: CropListError? {
    guard let expectedCrops, records.count < expectedCrops else { return nil }
    return .cutShort(list: name, line: number, found: records.count, expected: expectedCrops)
  }

  /// The error where the list ends within the current line; that is the cause of any fault in the line.
  var endWithinLine: CropListError? { place > bytes.count ? shortage : nil }

  mutating func finish() throws(CropListError) -> CropList {
    flushDigest()
    guard !records.isEmpty || expectedCrops ?? 0 > 0 else { throw .empty(list: name) }
    if let shortage { throw shortage }
    let found = digest.hex()
    if let expectedDigest, found != expectedDigest {
      throw .wrongDigest(list: name, line: number, found: found, expected: expectedDigest)
    }
    return CropList(
      name: name, digest: found, origin: origin, ids: ids, firstLines: firstLines, records: records)
  }

  /// The number of the image of the current line.
  private var current: UInt32 = 0

  private mutating func startImage(_ image: Range<Int>, _ mask: Range<Int>) throws(CropListError) {
    let (id, maskID) = (ListedImage.id(ofPath: text(image)), ListedImage.id(ofPath: text(mask)))
    guard id == maskID else { throw .otherMask(list: name, line: number, image: id, mask: maskID) }
    if let known = numbers[id] {
      current = known
      return
    }
    current = UInt32(ids.count)
    numbers[id] = current
    ids.append(id)
    firstLines.append(UInt32(clamping: number))
  }

  // MARK: Fields

  private func field(_ place: inout Int, _ line: Range<Int>) -> Range<Int> {
    while place < line.upperBound && isBlank(bytes[place]) { place += 1 }
    let start = place
    while place < line.upperBound && !isBlank(bytes[place]) { place += 1 }
    return start..<place
  }

  private func remaining(_ place: inout Int, _ line: Range<Int>) -> Int {
    var count = 0
    while !field(&place, line).isEmpty { count += 1 }
    return count
  }

  private func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

  private func integer(_ range: Range<Int>) -> Int16? {
    let negative = bytes[range.lowerBound] == UInt8(ascii: "-")
    let digits = range.lowerBound + (negative ? 1 : 0)..<range.upperBound
    guard !digits.isEmpty, digits.count <= 6 else { return nil }
    var value = 0
    for place in digits {
      guard (CropListText.zero...CropListText.zero + 9).contains(bytes[place]) else { return nil }
      value = 10 * value + Int(bytes[place] - CropListText.zero)
    }
    return Int16(exactly: negative ? -value : value)
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private func same(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
    a.count == b.count && !a.isEmpty && bytes[a].elementsEqual(bytes[b])
  }

  // MARK: Digest

  private mutating func addToDigest(_ line: Range<Int>) {
    let plain = line.upperBound < bytes.count && bytes[line.upperBound] == CropListText.lineFeed
    if plain {
      if pending.upperBound == line.lowerBound && !pending.isEmpty {
        pending = pending.lowerBound..<line.upperBound + 1
      } else {
        flushDigest()
        pending = line.lowerBound..<line.upperBound + 1
      }
      return
    }
    flushDigest()
    digest.update(UnsafeRawBufferPointer(rebasing: bytes[line]))
    digest.update("\n")
  }

  private mutating func flushDigest() {
    digest.update(UnsafeRawBufferPointer(rebasing: bytes[pending]))
    pending = 0..<0
  }
}
