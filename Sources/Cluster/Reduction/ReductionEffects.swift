// The messages and the arithmetic of a reduction, as `ReductionSchedule` requests them.

/// Carries out what a `ReductionSchedule` decides. Buckets and parameters are numbered as in the plan.
package protocol ReductionEffects: AnyObject {
  /// A count that grows whenever a transfer ends.
  var completedTransfers: Int { get }
  /// Returns when a transfer has ended since the count was `completed`.
  func waitForTransfer(since completed: Int)

  /// Exchanges the factors of a parameter's gradient of the current shard.
  func exchangeFactors(of parameter: Int)
  /// Sends this rank's stored sums of a bucket to the ranks that update its slices, and receives theirs.
  func sendStoredSums(of bucket: Int)
  /// Computes this rank's sums of a bucket from factors, in the memory of a slot, and sends them as stored ones are.
  func computeAndSendSums(of bucket: Int, slot: Int)
  /// Returns true when the other ranks' sums of this rank's slice are there, or none were sent.
  func haveSumsArrived(of bucket: Int) -> Bool
  /// Returns true when the other ranks' factors of a parameter's gradient are there.
  func haveFactorsArrived(of parameter: Int) -> Bool
  /// Brings the other ranks' factors into the kernels' layout; called once for each parameter, on behalf of a bucket.
  func unpackFactors(of parameter: Int, for bucket: Int)
  /// Adds the sums of all ranks for this rank's slice of a bucket and updates its weights.
  func update(_ bucket: Int)
  /// Sends this rank's new weights of a bucket to all other ranks, and receives theirs.
  func broadcastWeights(of bucket: Int)
  /// Returns true when the other ranks' new weights of a bucket are there.
  func haveWeightsArrived(of bucket: Int) -> Bool
}
