// Aligned memory for arithmetic, requested from the system once and returned with its owner.
import Foundation

/// A buffer of `count` float32 values, initially zero, aligned to a page.
///
/// A large buffer is aligned to a huge page and requests huge pages: kernels skip over megabytes, and the addresses of
/// that many small pages do not fit the translation buffers of the processor.
///
/// `@unchecked Sendable`: it owns an address range and nothing else. The code that distributes tasks decides which task
/// may write where, as for every pointer passed to a kernel.
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
    // The reservation includes the most that alignment may need. The rest is returned at once.
    let reserved = alignment == Self.page ? bytes : bytes + alignment
    let address = mmap(nil, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      fatalError("no memory for \(bytes) bytes: use a smaller network.width or inputSize, or more memory per rank")
    }
    let before = (alignment - Int(bitPattern: address) % alignment) % alignment
    let start = address + before
    if before > 0 { munmap(address, before) }
    if reserved - before > bytes { munmap(start + bytes, reserved - before - bytes) }
    // 14 is MADV_HUGEPAGE, which Foundation does not export.
    if alignment == Self.hugePage { madvise(start, bytes, 14) }
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
