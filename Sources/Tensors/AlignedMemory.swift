// Memory for arithmetic: 64-byte aligned, zeroed, asked from the system once and given back with its owner.
import Foundation

/// A run of `count` values of float32, zeroed at start, aligned to a page; huge pages are asked for where it is large.
///
/// `@unchecked Sendable`: it owns an address range and nothing else. Who may write where is settled by whoever deals out
/// tasks, as for every pointer handed to a kernel.
package final class AlignedMemory: @unchecked Sendable {
  package let count: Int
  package let pointer: UnsafeMutablePointer<Float>
  private let bytes: Int
  private let use: MemoryUse

  package init(floats count: Int, for use: MemoryUse = .activations) {
    self.count = count
    self.use = use
    let page = 4096
    bytes = max((count * MemoryLayout<Float>.stride + page - 1) & ~(page - 1), page)
    let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      fatalError("no memory for \(bytes) bytes: use a smaller network.width or inputSize, or more memory a rank")
    }
    let hugePage = 2 << 20
    if bytes >= 2 * hugePage { madvise(address, bytes, 14 /* MADV_HUGEPAGE */) }
    pointer = address.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride)
    MemoryUse.add(bytes, to: use)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(pointer), bytes)
    MemoryUse.add(-bytes, to: use)
  }

  package func zero() { memset(pointer, 0, count * MemoryLayout<Float>.stride) }

  package var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: pointer, count: count) }
}
