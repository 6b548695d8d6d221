// A file of weights read from beginning to end, its values going straight to where they are wanted: a model of any size is
// read with a buffer's memory.
import Foundation
import Compute

/// What stands before the values: which tensors follow, and the file's own remarks.
package struct TensorHeader: Sendable {
  /// Where it came from, for messages.
  package let path: String
  /// In the order of the file.
  package let entries: [StoredTensors.Entry]
  /// `__metadata__`
  package let metadata: [String: String]
  private let indices: [String: Int]

  init(path: String, entries: [StoredTensors.Entry], metadata: [String: String]) {
    (self.path, self.entries, self.metadata) = (path, entries, metadata)
    indices = Dictionary(uniqueKeysWithValues: zip(entries.map(\.name), entries.indices))
  }

  package func index(_ name: String) -> Int? { indices[name] }

  package func entry(_ name: String) -> StoredTensors.Entry? { indices[name].map { entries[$0] } }
}

/// The values of a file, one piece after the other.
package final class TensorStream {
  package let header: TensorHeader
  private let source: any ByteSource
  /// Of the values, what was read.
  private var position = 0

  /// Opens a file, plain or in zstd, and reads its header.
  package convenience init(_ url: URL) throws { try self.init(ZstdFile.open(url.path)) }

  init(_ source: any ByteSource) throws {
    self.source = source
    header = try SafeTensors.readHeader(source)
  }

  /// Fills `bytes` with what comes next.
  package func read(into bytes: UnsafeMutableRawBufferPointer) throws {
    let got = try source.read(into: bytes)
    position += got
    guard got < bytes.count else { return }
    let entry = header.entries.first { $0.range.contains(position) }
    throw CheckpointError.tensor(
      path: header.path, name: entry?.name ?? "",
      "the file ends after \(position - (entry?.range.lowerBound ?? 0)) of its \(entry?.range.count ?? 0) bytes")
  }

  /// After the last value: nothing may follow. The checksums of zstd are verified by then.
  package func finish() throws {
    var extra = UInt8(0)
    guard try withUnsafeMutableBytes(of: &extra, { try source.read(into: $0) }) == 0 else {
      throw CheckpointError.damaged(path: header.path, "bytes follow after the last tensor")
    }
  }

  /// Overwrites all parameters of the vectors; other tensors of the file are passed over. Nothing is changed where a parameter is
  /// missing or has another shape; where the file turns out to be damaged later, some are.
  package func fill(_ vectors: [ParameterVector]) throws {
    for vector in vectors { try header.requireAll(of: vector.table, othersAllowed: true) }
    var waste = [UInt8](repeating: 0, count: 1 << 20)
    for entry in header.entries {
      let place = vectors.lazy.compactMap { vector in vector.table.index(of: entry.name).map { vector[$0] } }.first
      if let place {
        try read(into: UnsafeMutableRawBufferPointer(place))
      } else {
        for first in stride(from: 0, to: entry.range.count, by: waste.count) {
          try waste.withUnsafeMutableBytes {
            try read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<min($0.count, entry.range.count - first)]))
          }
        }
      }
    }
    withExtendedLifetime(vectors) {}
    try finish()
  }
}
