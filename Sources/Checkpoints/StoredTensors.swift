// Tensors that were read from a file, together with their memory.
import Compute
import Foundation

/// The element types that dnet reads and writes, with their safetensors names.
package enum ElementType: String, Sendable {
  case float32 = "F32"
  case uint8 = "U8"

  package var bytes: Int { self == .float32 ? 4 : 1 }
}

/// The tensors of a file by name. The object owns their memory.
///
/// `@unchecked Sendable`: immutable after reading.
package final class StoredTensors: @unchecked Sendable {
  package struct Entry: Sendable {
    package let name: String
    package let element: ElementType
    package let shape: [Int]
    /// The byte range in the data part of the file.
    package let range: Range<Int>
  }

  package let header: TensorHeader
  private let memory: [UnsafeMutableRawPointer]

  /// The file, for messages.
  package var path: String { header.path }
  /// The tensors in the order of the file.
  package var entries: [Entry] { header.entries }
  /// The file's metadata (`__metadata__`).
  package var metadata: [String: String] { header.metadata }

  /// Takes ownership of `memory`, one block from `posix_memalign` for each entry.
  init(_ header: TensorHeader, memory: [UnsafeMutableRawPointer]) {
    self.header = header
    self.memory = memory
  }

  deinit { memory.forEach { free($0) } }

  package func entry(_ name: String) -> Entry? { header.entry(name) }

  /// Returns the bytes of a tensor in row-major order.
  package func bytes(_ name: String) -> UnsafeRawBufferPointer? {
    header.index(name).map { UnsafeRawBufferPointer(start: memory[$0], count: entries[$0].range.count) }
  }

  /// Returns a float32 tensor; nil if there is none with this name and type.
  package subscript(name: String) -> NamedTensor? {
    guard let index = header.index(name), entries[index].element == .float32 else { return nil }
    let count = entries[index].range.count / 4
    return NamedTensor(
      name: name, shape: entries[index].shape,
      values: UnsafeBufferPointer(
        start: memory[index].bindMemory(to: Float.self, capacity: max(count, 1)), count: count),
      owner: self)
  }

  /// All float32 tensors, in the order of the file.
  package var namedTensors: [NamedTensor] { entries.compactMap { self[$0.name] } }
}
