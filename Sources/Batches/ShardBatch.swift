// The input buffers of one shard, with B examples, input side S and L classes.
import Compute

/// The examples of one shard: planes (B, 3, S, S) in B, G, R order with the mean subtracted, labels [B][L] of 0 and 1,
/// and masks (B, S, S) of 0, 1 and 255 (segmentation phase only).
///
/// `@unchecked Sendable`: one loader thread fills it and then hands it over through a lock; nobody changes it
/// afterwards.
package final class ShardBatch: @unchecked Sendable {
  package let examples: Int
  package let size: Int
  package let classes: Int
  package let planes: AlignedMemory
  package let labels: AlignedMemory
  package let masks: UnsafeMutablePointer<UInt8>
  package let maskCount: Int

  package init(examples: Int, size: Int, classes: Int) {
    self.examples = examples
    self.size = size
    self.classes = classes
    planes = AlignedMemory(floats: examples * 3 * size * size)
    labels = AlignedMemory(floats: examples * classes)
    maskCount = examples * size * size
    masks = .allocate(capacity: maskCount)
    masks.initialize(repeating: 0, count: maskCount)
  }

  deinit { masks.deallocate() }
}
