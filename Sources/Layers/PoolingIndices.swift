// The places of the maxima that a pooling layer found, which unpooling reads to put values back.

/// One byte for each output of a 2x2 pooling, in the order of its maps: the row-major position 0...3 in the window.
///
/// `@unchecked Sendable`: it owns an address range; the pooling layer writes it, and layers that run later read it.
package final class PoolingIndices: @unchecked Sendable {
  package let pointer: UnsafeMutablePointer<UInt8>
  package let count: Int

  package init(count: Int) {
    self.count = count
    pointer = .allocate(capacity: count)
    pointer.initialize(repeating: 0, count: count)
  }

  deinit { pointer.deallocate() }
}
