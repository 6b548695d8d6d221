// Sequential reading of a file of weights. Values go directly to their destination, so memory for the file is not
// needed.
import Compute
import Foundation

/// The header of a file of weights: its tensors and its metadata.
package struct TensorHeader: Sendable {
  /// The file, for messages.
  package let path: String
  /// The tensors in the order of the file.
  package let entries: [StoredTensors.Entry]
  /// `__metadata__`
  package let metadata: [String: String]
  private let indices: [String: Int]

  init(path: String, entries: [StoredTensors.Entry], metadata: [String: String]) {
    self.path = path
    self.entries = entries
    self.metadata = metadata
    indices = Dictionary(uniqueKeysWithValues: zip(entries.map(\.name), entries.indices))
  }

  package func index(_ name: String) -> Int? { indices[name] }

  package func entry(_ name: String) -> StoredTensors.Entry? { indices[name].map { entries[$0] } }
}

/// The values of a file, read piece by piece.
package final class TensorStream {
  package let header: TensorHeader
  private let source: any ByteSource
  /// The number of bytes consumed so far.
  private var position = 0

  /// Opens a file, plain or compressed with zstd, and reads its header.
  package convenience init(_ url: URL) throws { try self.init(ZstdFile.open(url.path)) }

  init(_ source: any ByteSource) throws {
    self.source = source
    header = try SafeTensors.readHeader(source)
  }

  /// Fills `bytes` with the next values.
  package func read(into bytes: UnsafeMutableRawBufferPointer) throws {
    let got = try source.read(into: bytes)
    position += got
    guard got < bytes.count else { return }
    let entry = header.entries.first { $0.range.contains(position) }
    throw CheckpointError.tensor(
      path: header.path, name: entry?.name ?? "",
      "the file ends after \(position - (entry?.range.lowerBound ?? 0)) of its \(entry?.range.count ?? 0) bytes")
  }

  /// Checks that the file ends after the last value. zstd's checksum has been verified when it returns.
  package func finish() throws {
    var extra = UInt8(0)
    guard try withUnsafeMutableBytes(of: &extra, { try source.read(into: $0) }) == 0 else {
      throw CheckpointError.damaged(path: header.path, "bytes follow after the last tensor")
    }
  }

  /// Overwrites all parameters of the vectors and skips other tensors of the file. If a parameter is missing or has
  /// another shape, nothing is changed; if the file turns out to be damaged later, some parameters are.
  package func fill(_ vectors: [ParameterVector]) throws {
    for vector in vectors { try header.requireAll(of: vector.table, othersAllowed: true) }
    var skipped = [UInt8](repeating: 0, count: 1 << 20)
    for entry in header.entries {
      let place = vectors.lazy.compactMap { vector in vector.table.index(of: entry.name).map { vector[$0] } }.first
      if let place {
        try read(into: UnsafeMutableRawBufferPointer(place))
      } else {
        for first in stride(from: 0, to: entry.range.count, by: skipped.count) {
          try skipped.withUnsafeMutableBytes {
            try read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<min($0.count, entry.range.count - first)]))
          }
        }
      }
    }
    withExtendedLifetime(vectors) {}
    try finish()
  }
}
