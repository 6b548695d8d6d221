// Tensors that were read from a file, and the memory they live in.
import Foundation
import Compute

/// The element types that dnet reads and writes, by their safetensors names.
package enum ElementType: String, Sendable {
  case float32 = "F32"
  case uint8 = "U8"

  package var bytes: Int { self == .float32 ? 4 : 1 }
}

/// Tensors by name, with the file they came from. They own their memory.
///
/// `@unchecked Sendable`: nothing changes after reading.
package final class StoredTensors: @unchecked Sendable {
  package struct Entry: Sendable {
    package let name: String
    package let element: ElementType
    package let shape: [Int]
    /// In the data part of the file, bytes.
    package let range: Range<Int>
  }

  package let header: TensorHeader
  private let memory: [UnsafeMutableRawPointer]

  /// Where they came from, for messages.
  package var path: String { header.path }
  /// In the order of the file.
  package var entries: [Entry] { header.entries }
  /// The file's own remarks (`__metadata__`).
  package var metadata: [String: String] { header.metadata }

  /// Takes over `memory`, which `posix_memalign` gave, one block an entry.
  init(_ header: TensorHeader, memory: [UnsafeMutableRawPointer]) {
    self.header = header
    self.memory = memory
  }

  deinit { memory.forEach { free($0) } }

  package func entry(_ name: String) -> Entry? { header.entry(name) }

  /// The bytes of a tensor, row-major.
  package func bytes(_ name: String) -> UnsafeRawBufferPointer? {
    header.index(name).map { UnsafeRawBufferPointer(start: memory[$0], count: entries[$0].range.count) }
  }

  /// A float32 tensor; nil where there is none of this name and type.
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
