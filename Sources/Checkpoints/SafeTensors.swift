// Reader and writer of the safetensors format (github.com/huggingface/safetensors).
//
// A file holds the length of the header as eight little-endian bytes, the header in JSON with the type, the shape and
// the byte range of each tensor, and then all values without gaps. Files may come from other people or from full disks,
// so the reader checks everything.
import Compute
import Foundation
import Support

/// A tensor to be written.
package struct TensorToWrite {
  package let name: String
  package let element: ElementType
  package let shape: [Int]
  /// The values; empty if they come from `pieces`.
  package let bytes: UnsafeRawBufferPointer
  private let owner: AnyObject?
  /// Calls its argument with the values, piece by piece and in order.
  private let pieces: ((_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void)?

  /// - Parameter owner: the object that owns the bytes; the tensor keeps it alive.
  package init(
    name: String, element: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, owner: AnyObject? = nil
  ) {
    self.owner = owner
    pieces = nil
    precondition(bytes.count == shape.reduce(element.bytes, *), "\(name): \(bytes.count) bytes for shape \(shape)")
    self.name = name
    self.element = element
    self.shape = shape
    self.bytes = bytes
  }

  /// A float32 tensor whose values come piece by piece while it is written. Tensors are written in name order.
  package init(
    name: String, shape: [Int], pieces: @escaping (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) {
    self.name = name
    self.shape = shape
    self.pieces = pieces
    element = .float32
    bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    owner = nil
  }

  /// The number of bytes of all values.
  package var byteCount: Int { shape.reduce(element.bytes, *) }

  /// Writes the values to a sink and adds name, shape and values to a digest.
  func write(to sink: any ByteSink, digest: SHA256?) throws {
    digest?.update(WeightsDigest.head(name, shape))
    guard let pieces else {
      digest?.update(bytes)
      return try sink.write(bytes)
    }
    var left = byteCount
    try pieces { piece in
      left -= piece.count
      digest?.update(piece)
      try sink.write(piece)
    }
    precondition(left == 0, "\(left) bytes of \(name) are missing")
  }

  package init(_ tensor: NamedTensor) {
    self.init(
      name: tensor.name, element: .float32, shape: tensor.shape, bytes: UnsafeRawBufferPointer(tensor.values),
      owner: tensor.owner)
  }
}

package enum SafeTensors {
  /// The limit that the format sets for headers; it rejects most damaged lengths.
  private static let longestHeader = 100_000_000

  /// Returns the bytes before the values, for tensors in the given order.
  static func header(_ tensors: [TensorToWrite], metadata: [String: String]) throws -> [UInt8] {
    var entries: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
    var end = 0
    for tensor in tensors {
      precondition(entries[tensor.name] == nil, "two tensors are called \(tensor.name)")
      entries[tensor.name] = [
        "dtype": tensor.element.rawValue, "shape": tensor.shape, "data_offsets": [end, end + tensor.byteCount],
      ]
      end += tensor.byteCount
    }
    var json = [UInt8](
      try JSONSerialization.data(withJSONObject: entries, options: [.sortedKeys, .withoutEscapingSlashes]))
    // Padding to a multiple of 8 aligns the values in a mapped file.
    json += Array(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    return withUnsafeBytes(of: UInt64(json.count).littleEndian, Array.init) + json
  }

  /// Sorts tensors into the order in which they are written: float32 before bytes, for alignment, then by name.
  static func ordered(_ tensors: [TensorToWrite]) -> [TensorToWrite] {
    tensors.sorted {
      $0.element == $1.element
        ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) : $0.element.bytes > $1.element.bytes
    }
  }

  /// Writes tensors to a sink and finishes it.
  ///
  /// - Parameter digest: receives the bytes of the `WeightsDigest` if all tensors are float32.
  package static func write(
    _ tensors: [TensorToWrite], metadata: [String: String] = [:], digest: SHA256? = nil,
    to makeSink: (_ contentBytes: Int) throws -> any ByteSink
  ) throws {
    let tensors = ordered(tensors)
    let header = try header(tensors, metadata: metadata)
    let sink = try makeSink(tensors.reduce(header.count) { $0 + $1.byteCount })
    try header.withUnsafeBytes { try sink.write($0) }
    try withExtendedLifetime(tensors) {
      for tensor in tensors { try tensor.write(to: sink, digest: digest) }
    }
    try sink.finish()
  }

  /// Reads all tensors of a source, which must end after them.
  package static func read(_ source: any ByteSource) throws -> StoredTensors {
    try readValues(TensorStream(source))
  }

  /// Reads the header and leaves the source at the first value.
  static func readHeader(_ source: any ByteSource) throws -> TensorHeader {
    let path = source.path
    var length = UInt64(0)
    let got = try withUnsafeMutableBytes(of: &length) { try source.read(into: $0) }
    guard got == 8 else {
      throw CheckpointError.damaged(path: path, "\(got) bytes are too few for a safetensors file")
    }
    length = UInt64(littleEndian: length)
    let most = min(source.remaining ?? longestHeader, longestHeader)
    guard length >= 2, length <= UInt64(most) else {
      throw CheckpointError.damaged(
        path: path, "a header of \(length) bytes where 2 to \(most) are possible: is it a safetensors file?")
    }
    var header = [UInt8](repeating: 0, count: Int(length))
    let headerBytes = try header.withUnsafeMutableBytes { try source.read(into: $0) }
    guard headerBytes == header.count else {
      throw CheckpointError.damaged(path: path, "it ends after \(headerBytes) of \(header.count) header bytes")
    }
    let (entries, metadata) = try parse(header, path: path)
    let total = entries.last?.range.upperBound ?? 0
    if let remaining = source.remaining, remaining != total {
      throw CheckpointError.damaged(path: path, "\(remaining) bytes of values where the header declares \(total)")
    }
    return TensorHeader(path: path, entries: entries, metadata: metadata)
  }

  private static func readValues(_ stream: TensorStream) throws -> StoredTensors {
    var blocks: [UnsafeMutableRawPointer] = []
    do {
      for entry in stream.header.entries {
        var block: UnsafeMutableRawPointer?
        guard posix_memalign(&block, 64, max(entry.range.count, 64)) == 0, let block else {
          throw CheckpointError.tensor(
            path: stream.header.path, name: entry.name,
            "no memory for its \(entry.range.count) bytes of shape \(entry.shape)")
        }
        blocks.append(block)
        try stream.read(into: UnsafeMutableRawBufferPointer(start: block, count: entry.range.count))
      }
      try stream.finish()
    } catch {
      blocks.forEach { free($0) }
      throw error
    }
    return StoredTensors(stream.header, memory: blocks)
  }

  /// Parses a header into its tensors in the order of their bytes, which must cover all bytes without gap or overlap.
  private static func parse(_ header: [UInt8], path: String) throws -> ([StoredTensors.Entry], [String: String]) {
    let parsed: Header
    do {
      parsed = try JSONDecoder().decode(Header.self, from: Data(header))
    } catch let fault as Header.Fault {
      throw CheckpointError.tensor(path: path, name: fault.name, "its header entry is not understood: \(fault.text)")
    } catch {
      throw CheckpointError.damaged(path: path, "its header is not a JSON object of tensors")
    }
    var entries = try parsed.tensors.map { try entry($0, $1, path) }
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound, $0.name) < ($1.range.lowerBound, $1.range.upperBound, $1.name)
    }
    var end = 0
    for entry in entries {
      guard entry.range.lowerBound == end else {
        let fault = entry.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
        throw CheckpointError.tensor(
          path: path, name: entry.name, "its bytes \(entry.range) \(fault), which ends at \(end)")
      }
      end = entry.range.upperBound
    }
    return (entries, parsed.metadata)
  }

  private static func entry(_ name: String, _ fields: Header.Fields, _ path: String) throws -> StoredTensors.Entry {
    func fail(_ text: String) -> CheckpointError { .tensor(path: path, name: name, text) }
    let shape = fields.shape
    let offsets = fields.data_offsets
    guard let element = ElementType(rawValue: fields.dtype) else {
      throw fail("dtype \(fields.dtype) is not supported; convert it to F32 (float32) or U8 first")
    }
    guard shape.allSatisfy({ $0 >= 0 }) else { throw fail("shape \(shape) has a negative size") }
    guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0] else {
      throw fail("data_offsets \(offsets) are not a first and a last byte")
    }
    var bytes = element.bytes
    for size in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard !overflow else { throw fail("shape \(shape) is larger than any memory") }
      bytes = product
    }
    guard offsets[1] - offsets[0] == bytes else {
      throw fail("\(offsets[1] - offsets[0]) bytes for shape \(shape) of \(fields.dtype), which takes \(bytes)")
    }
    return StoredTensors.Entry(name: name, element: element, shape: shape, range: offsets[0]..<offsets[1])
  }
}

/// The header as it is in the file.
private struct Header: Decodable {
  struct Fields: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  struct Fault: Error {
    let name: String
    let text: String
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  var metadata: [String: String] = [:]
  var tensors: [(String, Fields)] = []

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    for name in container.allKeys {
      do {
        if name.stringValue == "__metadata__" {
          metadata = try container.decode([String: String].self, forKey: name)
        } else {
          tensors.append((name.stringValue, try container.decode(Fields.self, forKey: name)))
        }
      } catch let error as DecodingError {
        switch error {
        case .keyNotFound(let key, _): throw Fault(name: name.stringValue, text: "\(key.stringValue) is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
          let place = context.codingPath.dropFirst().map(\.stringValue).joined(separator: ".")
          throw Fault(name: name.stringValue, text: "\(place) \(context.debugDescription)")
        @unknown default: throw Fault(name: name.stringValue, text: "\(error)")
        }
      } catch {
        throw Fault(name: name.stringValue, text: "\(error)")
      }
    }
  }
}
