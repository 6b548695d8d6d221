// Memory for arithmetic: 64-byte aligned, zeroed, asked from the system once and given back with its owner.
import Foundation

/// A run of `count` values of float32, zeroed at start, aligned to a page; where it is large, to a huge page, and huge
/// pages are asked for: kernels jump over megabytes, and small pages' addresses do not fit the processor's tables.
///
/// `@unchecked Sendable`: it owns an address range and nothing else. Who may write where is settled by whoever deals out
/// tasks, as for every pointer handed to a kernel.
package final class AlignedMemory: @unchecked Sendable {
  package let count: Int
  package let pointer: UnsafeMutablePointer<Float>
  private let bytes: Int
  private let use: MemoryUse

  private static let page = 4096
  private static let hugePage = 2 << 20

  package init(floats count: Int, for use: MemoryUse = .activations) {
    self.count = count
    self.use = use
    let wanted = max(count * MemoryLayout<Float>.stride, 1)
    let alignment = wanted >= Self.hugePage ? Self.hugePage : Self.page
    bytes = (wanted + alignment - 1) & ~(alignment - 1)
    // As much more as alignment may need; what is not needed is given back at once.
    let reserved = alignment == Self.page ? bytes : bytes + alignment
    let address = mmap(nil, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      fatalError("no memory for \(bytes) bytes: use a smaller network.width or inputSize, or more memory a rank")
    }
    let before = (alignment - Int(bitPattern: address) % alignment) % alignment
    let start = address + before
    if before > 0 { munmap(address, before) }
    if reserved - before > bytes { munmap(start + bytes, reserved - before - bytes) }
    if alignment == Self.hugePage { madvise(start, bytes, 14 /* MADV_HUGEPAGE */) }
    pointer = start.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride)
    MemoryUse.add(bytes, to: use)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(pointer), bytes)
    MemoryUse.add(-bytes, to: use)
  }

  package func zero() { memset(pointer, 0, count * MemoryLayout<Float>.stride) }

  package var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: pointer, count: count) }
}
