// The kinds of arithmetic between a bucket's gradients and its new weights.

/// One kind of a bucket's arithmetic, for measurements.
package enum BucketWork: Sendable {
  /// Computing this rank's sums, where they are not stored.
  case sum
  /// Bringing other ranks' factors into the kernels' layout.
  case unpack
  /// Adding the sums of all ranks for this rank's slice, and updating it.
  case update
}
