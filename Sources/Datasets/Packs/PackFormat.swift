// The binary layout of a pack (docs/formats.md, "Packs"). All numbers are little-endian.
//
//     header     256 bytes
//     data       the bytes of the photograph and mask files, one after the other
//     entries    80 bytes for each item
//     strings    UTF-8: the paths of photographs and masks, class names, names of lists
//     lists      for each list the place of its name, its length, the numbers of its items (4 bytes each)
//     crops      a crop list as encoded by `CropList.encoded`, or nothing
//
// The index (entries, strings, lists) follows the data because it is complete only then. It is small: it is checked and
// mapped when the pack is opened, while images are read when they are needed. The header is written last.

package enum PackFormat {
  static let magic = Array("dnetpack".utf8)
  package static let version = 1
  static let headerBytes = 256
  static let entryBytes = 80
  /// The digest covers the header up to here, and the index.
  static let digestOffset = 224

  /// The byte offsets of the numbers in the header.
  enum Header {
    static let version = 8
    static let entryBytes = 12
    static let items = 16
    static let fileBytes = 24
    static let classes = 32
    static let lists = 40
    static let entriesAt = 48
    static let stringsAt = 56
    static let stringsBytes = 64
    static let listsAt = 72
    static let listsBytes = 80
    static let cropsAt = 88
    static let cropsBytes = 96
    /// The first eight bytes of the SHA-256 of the crops.
    static let cropsWord = 104
    /// The place and length of the class names, each of which ends with a line feed.
    static let classNamesAt = 112
    static let classNamesBytes = 116
  }
}

/// The index entry of one item.
struct PackEntry: Equatable {
  var photographAt = 0
  var maskAt = 0
  var photographBytes = 0
  /// 0 where the image has no mask.
  var maskBytes = 0
  /// The first eight bytes of each SHA-256.
  var photographWord: UInt64 = 0
  var maskWord: UInt64 = 0
  /// Bit c - 1 stands for class c; bit 63 is set if the labels are known.
  var labels: UInt64 = 0
  /// The paths under the root of the dataset, as ranges of the strings.
  var photographName = 0..<0
  var maskName = 0..<0

  static let labelsKnown: UInt64 = 1 << 63

  func write(to bytes: inout [UInt8]) {
    let start = bytes.count
    for value in [photographAt, maskAt] { bytes.append(UInt64(value)) }
    for value in [photographBytes, maskBytes] { bytes.append(UInt32(value)) }
    for value in [photographWord, maskWord, labels] { bytes.append(value) }
    for range in [photographName, maskName] {
      bytes.append(UInt32(range.lowerBound))
      bytes.append(UInt32(range.count))
    }
    bytes += [UInt8](repeating: 0, count: PackFormat.entryBytes - (bytes.count - start))
  }

  init() {}

  init(_ bytes: UnsafeRawBufferPointer, at start: Int) {
    photographAt = Int(truncatingIfNeeded: bytes.word(start))
    maskAt = Int(truncatingIfNeeded: bytes.word(start + 8))
    photographBytes = bytes.half(start + 16)
    maskBytes = bytes.half(start + 20)
    photographWord = bytes.word(start + 24)
    maskWord = bytes.word(start + 32)
    labels = bytes.word(start + 40)
    photographName = bytes.half(start + 48)..<bytes.half(start + 48) + bytes.half(start + 52)
    maskName = bytes.half(start + 56)..<bytes.half(start + 56) + bytes.half(start + 60)
  }
}

extension [UInt8] {
  mutating func append(_ value: UInt64) { Swift.withUnsafeBytes(of: value.littleEndian) { self += $0 } }
  mutating func append(_ value: UInt32) { Swift.withUnsafeBytes(of: value.littleEndian) { self += $0 } }

  mutating func put(_ value: Int, at place: Int) {
    Swift.withUnsafeBytes(of: UInt64(value).littleEndian) { replaceSubrange(place..<place + 8, with: $0) }
  }
}

extension UnsafeRawBufferPointer {
  func word(_ place: Int) -> UInt64 { UInt64(littleEndian: loadUnaligned(fromByteOffset: place, as: UInt64.self)) }
  func half(_ place: Int) -> Int { Int(UInt32(littleEndian: loadUnaligned(fromByteOffset: place, as: UInt32.self))) }
}
