// The reduction of all ranks' gradients to new weights on every rank, while every rank computes.
//
//   backward       a bucket's sums leave for the ranks that update its slices as soon as its layers are done in the
//                  last shard; factors of large matrices leave shard by shard (`GradientExchange`)
//   submitReport   the ranks exchange their reports; every rank derives from them whether the iteration counts
//   applyUpdates   slices are added in tree order and updated as they arrive, and the new weights leave for all ranks
//   forward        the next iteration begins, and waits for a layer's weights where it first needs them
//
// So sums are hidden behind the backward pass and weights behind the next forward pass. Nothing is updated before every
// rank has reported finite losses and gradients: an iteration changes all weights or none.
//
// The rank's own thread calls everything here; only `CommunicationThread` calls MPI. `ReductionSchedule` decides what
// happens when, and `BucketOperations` does it.
import Compute

package final class BucketedReduction {
  package let plan: BucketPlan
  private let communicator: Communicator
  private let sums: PartialSums
  private let reports: Reports
  private let operations: BucketOperations
  private var schedule: ReductionSchedule
  private var isOver = true

  /// Called with the duration of each piece of a bucket's arithmetic, for measurements.
  package var observer: ((_ bucket: Int, _ work: BucketWork, _ seconds: Double) -> Void)? {
    get { operations.observer }
    set { operations.observer = newValue }
  }

  /// - Parameters:
  ///   - sums: Made with `plan.exchanged`.
  ///   - weights: The flat vector, equal on all ranks.
  ///   - reportCount: The number of values in a rank's report.
  ///   - update: Called for parts of this rank's slices with the gradient summed over all shards, whose first value
  ///     belongs to the first of the range. It must not fail: other ranks are waiting.
  package init(
    _ communicator: Communicator, plan: BucketPlan, sums: PartialSums, weights: UnsafeMutablePointer<Float>,
    reportCount: Int, pool: WorkerPool,
    update: @escaping (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
  ) throws {
    try sums.tree.requireWork(forRanks: communicator.size)
    precondition(
      plan.ranks == communicator.size && plan.table.vectorCount == sums.count, "the plan is another network's")
    self.communicator = communicator
    self.plan = plan
    self.sums = sums
    reports = Reports(communicator, count: reportCount)
    operations = BucketOperations(
      communicator, plan: plan, sums: sums, weights: weights, pool: pool, update: update)
    schedule = ReductionSchedule(
      plan.buckets.map { .init(parameters: $0.parameters, exchange: $0.exchange) },
      parameters: plan.table.parameters.count, ranks: communicator.size)
  }

  // MARK: The backward pass

  /// Begins an iteration's gradients; called before the first shard's backward pass. Waits for all weights of the
  /// iteration before.
  package func begin() throws {
    try waitForWeights()
    isOver = false
    schedule.begin()
  }

  /// Takes the gradient of a parameter as written for the current shard, and sends what is complete with it.
  package func gradientIsComplete(of parameter: Int) {
    schedule.gradientIsComplete(of: parameter, isLastShard: sums.isAtLastShard, operations)
  }

  // MARK: The agreement

  /// Sends this rank's report at the end of its shards; all gradients are complete and `sums` committed.
  package func submitReport(_ report: [Double]) {
    precondition(sums.isComplete && schedule.areGradientsComplete, "some gradient is missing")
    reports.submit(report)
  }

  /// True when the reports of all ranks are there, so that `agreement` does not wait.
  package var canAgree: Bool { reports.haveArrived }

  /// Waits for the reports of all ranks; returns them by rank, and by how many seconds each came later than this rank's
  /// own.
  package func agreement() throws -> (reports: [[Double]], lateness: [Double]) { try reports.collect() }

  // MARK: The update

  /// Makes the iteration count: updates begin.
  package func applyUpdates() { schedule.applyUpdates(operations) }

  /// Does what can be done without waiting. Called often: between the layers of whatever else is computed.
  package func advance() { schedule.advance(operations) }

  /// Returns when the weights of these parameters are new.
  package func waitForWeights(of parameters: [Int]) { schedule.waitForWeights(of: parameters, operations) }

  /// Waits until all weights are new and nothing is in flight. The sums of the next minibatch begin.
  package func waitForWeights() throws {
    guard !isOver else { return }
    schedule.waitForWeights(operations)
    try reset()
  }

  /// Replaces the gradients of shards that this rank could not compute, so that the transfers of other ranks complete;
  /// the ranks will `abort` the iteration.
  package func abandonShards() {
    while !sums.isComplete {
      sums.beginShard()
      for parameter in plan.table.parameters.indices { gradientIsComplete(of: parameter) }
      sums.commit()
    }
  }

  /// Gives up an iteration that does not count; no weight has changed. Collective, after `agreement`.
  package func abort() throws {
    try operations.drainSums()
    schedule.abort()
    try reset()
  }

  private func reset() throws {
    try operations.reset()
    isOver = true
  }
}
