// The consistency check of a MATLAB 5 file: lengths, checksums of compressed variables, types and dimensions as
// specified in "MAT-File Format" (MathWorks). libmatio does not check most of these and crashes on files that violate
// them.
//
// An element is a tag (type, size) and data, padded to 8 bytes. A variable is an element of type matrix, or a
// compressed element that contains one. A matrix consists of elements: flags, dimensions, name, then those that its
// class requires.
import CMatio
import Foundation

enum MATLABFile {
  /// Returns a description of the first fault in a little-endian MATLAB 5 file, or nil where there is none.
  static func fault(_ bytes: [UInt8]) -> String? {
    guard bytes.count >= 128 else { return "\(bytes.count) bytes are less than a header" }
    // Version 1, byte order IM.
    guard bytes[125] == 1, bytes[126] == 0x49, bytes[127] == 0x4D else {
      return "the header is not that of a little-endian MATLAB 5 file"
    }
    var at = 128
    while at < bytes.count {
      guard bytes.count - at >= 8 else { return "it ends within the head of a variable" }
      let (type, size) = (word(bytes, at), word(bytes, at + 4))
      at += 8
      guard size <= bytes.count - at else {
        return "it ends after \(bytes.count - at) of the \(size) bytes of a variable"
      }
      do {
        switch type {
        case 14: try matrix(bytes, at, at + size, depth: 0)
        case 15:
          let inflated = try inflate(bytes[at..<at + size])
          guard inflated.count >= 8, word(inflated, 0) == 14, word(inflated, 4) == inflated.count - 8 else {
            return "a compressed variable is not a matrix"
          }
          try matrix(inflated, 8, inflated.count, depth: 0)
        default: return "a variable has the unknown type \(type)"
        }
      } catch { return error.reason }
      at += size
    }
    return nil
  }

  private struct Fault: Error { let reason: String }

  private struct Element {
    let type, size, data, next: Int
  }

  private static func word(_ bytes: [UInt8], _ at: Int) -> Int {
    Int(bytes[at]) | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2]) << 16 | Int(bytes[at + 3]) << 24
  }

  /// Reads the element at an offset. It must end before `end`; one of up to 4 bytes may hold its data in the tag.
  private static func element(_ bytes: [UInt8], _ at: Int, _ end: Int) throws(Fault) -> Element {
    guard end - at >= 8 else { throw Fault(reason: "an element is missing") }
    let first = word(bytes, at)
    if first >> 16 != 0 {
      guard first >> 16 <= 4 else { throw Fault(reason: "an element in a tag has \(first >> 16) bytes") }
      return Element(type: first & 0xFFFF, size: first >> 16, data: at + 4, next: at + 8)
    }
    let size = word(bytes, at + 4)
    let next = at + 8 + (size + 7) / 8 * 8
    guard next <= end else { throw Fault(reason: "an element of \(size) bytes does not fit") }
    return Element(type: first, size: size, data: at + 8, next: next)
  }

  /// Returns the bytes per number of a type, or nil for a type that is not numeric.
  private static func width(_ type: Int) -> Int? {
    [1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8][type]
  }

  /// Checks the matrix whose contents are from `start` to `end`.
  private static func matrix(_ bytes: [UInt8], _ start: Int, _ end: Int, depth: Int) throws(Fault) {
    // An empty cell or field is allowed.
    guard end > start || depth == 0 else { return }
    guard depth < 8 else { throw Fault(reason: "matrices are nested too deeply") }
    var at = start
    func next(_ what: String, type: Int) throws(Fault) -> Element {
      let found = try element(bytes, at, end)
      guard found.type == type else { throw Fault(reason: "\(what) have the type \(found.type)") }
      at = found.next
      return found
    }
    let flags = try next("flags", type: 6)
    guard flags.size == 8 else { throw Fault(reason: "flags have \(flags.size) bytes") }
    let (kind, isComplex) = (Int(bytes[flags.data]), bytes[flags.data + 1] & 8 != 0)
    let dimensions = try next("dimensions", type: 5)
    guard dimensions.size % 4 == 0, (8...32).contains(dimensions.size) else {
      throw Fault(reason: "dimensions have \(dimensions.size) bytes")
    }
    let lengths = stride(from: 0, to: dimensions.size, by: 4).map { word(bytes, dimensions.data + $0) }
    let shape = lengths.map(String.init).joined(separator: " x ")
    guard lengths.allSatisfy({ $0 < 1 << 31 }) else { throw Fault(reason: "a matrix has negative dimensions") }
    let count = lengths.reduce(1) { product, length in
      let (result, overflow) = product.multipliedReportingOverflow(by: length)
      return overflow ? Int.max : result
    }
    let name = try next("names", type: 1)
    guard name.size <= 1024 else { throw Fault(reason: "a name has \(name.size) bytes") }

    func numbers(_ wanted: Int?) throws(Fault) {
      let data = try element(bytes, at, end)
      guard let width = width(data.type) else { throw Fault(reason: "numbers have the type \(data.type)") }
      guard wanted.map({ $0 == data.size / width }) ?? true, data.size % width == 0 else {
        throw Fault(reason: "a matrix of \(shape) elements has \(data.size / width)")
      }
      at = data.next
    }
    func matrices(_ wanted: Int) throws(Fault) {
      // Each has at least a tag.
      guard wanted <= (end - at) / 8 else { throw Fault(reason: "\(shape) matrices do not fit into \(end - at) bytes") }
      for _ in 0..<wanted {
        let inner = try next("members", type: 14)
        try matrix(bytes, inner.data, inner.data + inner.size, depth: depth + 1)
      }
    }
    switch kind {
    case 1: try matrices(count)
    case 2:
      let length = try next("lengths of field names", type: 5)
      let letters = length.size == 4 ? word(bytes, length.data) : 0
      let names = try next("field names", type: 1)
      guard (2...256).contains(letters), names.size % letters == 0 else {
        throw Fault(reason: "field names of \(letters) letters")
      }
      for last in stride(from: names.data + letters - 1, to: names.data + names.size, by: letters)
      where bytes[last] != 0 {
        throw Fault(reason: "a field name does not end")
      }
      let (members, overflow) = count.multipliedReportingOverflow(by: names.size / letters)
      try matrices(overflow ? .max : members)
    case 5:
      guard lengths.count == 2 else { throw Fault(reason: "a sparse matrix of \(lengths.count) dimensions") }
      let rows = try next("row indices", type: 5)
      let columns = try next("column indices", type: 5)
      guard rows.size % 4 == 0, columns.size == 4 * (lengths[1] + 1) else {
        throw Fault(reason: "a sparse matrix of \(shape) has other indices")
      }
      try numbers(nil)
      if isComplex { try numbers(nil) }
    case 6...15:
      try numbers(count)
      if isComplex { try numbers(count) }
    default: throw Fault(reason: "a matrix is of the class \(kind), which no mask of SBD has")
    }
    guard at == end else { throw Fault(reason: "\(end - at) bytes are left over") }
  }

  private static func inflate(_ bytes: ArraySlice<UInt8>) throws(Fault) -> [UInt8] {
    var output: UnsafeMutablePointer<UInt8>?
    var size = 0
    let failure = bytes.withUnsafeBufferPointer { input in
      message { dnet_mat_inflate(input.baseAddress, input.count, &output, &size, $0) }.text
    }
    defer { free(output) }
    if let failure { throw Fault(reason: failure) }
    return Array(UnsafeBufferPointer(start: output, count: size))
  }

  /// Runs the C call and returns its status and, where that is not 0, its message.
  static func message(_ call: (UnsafeMutablePointer<CChar>) -> Int32) -> (status: Int32, text: String?) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(DNET_MAT_MESSAGE)) { buffer in
      let status = call(buffer.baseAddress!)
      return (
        status, status == 0 ? nil : String(cString: buffer.baseAddress!).trimmingCharacters(in: .whitespacesAndNewlines)
      )
    }
  }
}
