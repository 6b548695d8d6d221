// The duration of a bucket's arithmetic on one rank in one iteration, apart from the passes.

/// Seconds of each kind of `BucketWork`.
package struct BucketSeconds: Sendable, Equatable {
  /// Computing the sums over this rank's shards, where they are not stored.
  package var sum: Double
  /// Bringing other ranks' factors into the kernels' layout.
  package var unpack: Double
  /// Adding all ranks' sums of this rank's slice, or computing them from factors, and updating it.
  package var update: Double

  package init(sum: Double = 0, unpack: Double = 0, update: Double = 0) {
    self.sum = sum
    self.unpack = unpack
    self.update = update
  }
}
