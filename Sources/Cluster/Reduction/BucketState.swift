// Where each bucket stands, and the memory that it needs on its way.
import Compute

/// A bucket on its way through an iteration, on this rank.
final class BucketState {
  enum Stage {
    /// Some layer's gradient is still to come.
    case computing
    /// Handed over; for `sums`, still to be computed.
    case travelling
    case spreading
    case ready
  }

  let number: Int
  let bucket: BucketPlan.Bucket
  var stage = Stage.ready
  var missing = 0
  var gradients: PendingTransfer?
  var weights: PendingTransfer?
  /// Other ranks' sums of this rank's slice: [node of another rank][slice].
  var received: UnsafeMutablePointer<Float>?
  /// This rank's sums of every rank's slice: [rank][own node].
  var own: [[UnsafeMutablePointer<Float>]] = []
  var slot: SumSlot?
  let memory: AlignedMemory?

  init(_ number: Int, _ bucket: BucketPlan.Bucket, receivedFloats: Int) {
    (self.number, self.bucket) = (number, bucket)
    memory = receivedFloats > 0 ? AlignedMemory(floats: receivedFloats, for: .gradients) : nil
    received = memory?.pointer
  }
}

/// Memory for one bucket whose sums are computed when there is room for them.
final class SumSlot {
  let computed: AlignedMemory
  let received: AlignedMemory
  var isFree = true
  init(computed: Int, received: Int) {
    self.computed = AlignedMemory(floats: computed, for: .gradients)
    self.received = AlignedMemory(floats: received, for: .gradients)
  }
}
