// The messages and the arithmetic of a rank's reduction, and the memory they need: what `ReductionSchedule` requests,
// done over MPI. The order of a sum is that of `ShardTree`, whichever rank computes it and whenever.
import Compute
import Support

/// The effects of a `BucketedReduction`.
final class BucketOperations: ReductionEffects {
  /// The pending messages of one bucket and the memory of its sums.
  private struct Bucket {
    let plan: BucketPlan.Bucket
    var sums: PendingTransfer?
    var weights: PendingTransfer?
    /// Other ranks' sums of this rank's slice: [node of another rank][slice].
    var received: UnsafeMutablePointer<Float>?
    /// This rank's sums of every rank's slice: [rank][own node].
    var own: [[UnsafeMutablePointer<Float>]] = []
    let memory: AlignedMemory?

    init(_ plan: BucketPlan.Bucket, receivedFloats: Int) {
      self.plan = plan
      memory = receivedFloats > 0 ? AlignedMemory(floats: receivedFloats, for: .gradients) : nil
      received = memory?.pointer
    }
  }

  /// Memory for the sums of one bucket that are computed from factors.
  private struct Slot {
    let computed: AlignedMemory
    let received: AlignedMemory

    init(computed: Int, received: Int) {
      self.computed = AlignedMemory(floats: computed, for: .gradients)
      self.received = AlignedMemory(floats: received, for: .gradients)
    }
  }

  /// Called with the duration of each piece of a bucket's arithmetic.
  var observer: ((_ bucket: Int, _ work: BucketWork, _ seconds: Double) -> Void)?

  private let communicator: Communicator
  private let sums: PartialSums
  private let weights: UnsafeMutablePointer<Float>
  private let pool: WorkerPool
  private let applyUpdate: (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
  /// For each rank the nodes whose sums it sends.
  private let nodes: [[ShardTree.Node]]
  private let additions: [(into: Int, from: Int)]
  private var buckets: [Bucket]
  private var pendingFactors: [Int: [PendingTransfer]] = [:]
  private let slots: [Slot]
  /// Memory for one bucket's slice of a sum over all shards.
  private let total: AlignedMemory

  init(
    _ communicator: Communicator, plan: BucketPlan, sums: PartialSums, weights: UnsafeMutablePointer<Float>,
    pool: WorkerPool, update: @escaping (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
  ) {
    self.communicator = communicator
    self.sums = sums
    self.weights = weights
    self.pool = pool
    applyUpdate = update
    let (ranks, rank, tree) = (communicator.size, communicator.rank, sums.tree)
    let nodes = (0..<ranks).map { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)) }
    self.nodes = nodes
    additions = tree.additions(joining: nodes.flatMap { $0 })
    let foreign = nodes.flatMap { $0 }.count - nodes[rank].count
    buckets = plan.buckets.map {
      Bucket($0, receivedFloats: $0.exchange == nil ? foreign * $0.slices[rank].count : 0)
    }
    let computed = plan.buckets.filter { $0.exchange == .sums }
    let longest = computed.map(\.range.count).max() ?? 0
    let longestSlice = computed.map { $0.slices[rank].count }.max() ?? 0
    slots = (0..<(longest == 0 ? 0 : ReductionSchedule.slots(ranks: ranks))).map { _ in
      Slot(computed: longest * nodes[rank].count, received: foreign * longestSlice)
    }
    let exchanged = plan.buckets.filter { $0.exchange?.exchangesFactors ?? false }
    total = AlignedMemory(floats: exchanged.map { $0.slices[rank].count }.max() ?? 0, for: .gradients)
  }

  // MARK: Messages

  var completedTransfers: Int { communicator.completedTransfers }

  func waitForTransfer(since completed: Int) { communicator.waitForTransfer(since: completed) }

  /// Sends the factors of the current shard and receives those of the others' shards of the same place; at the last
  /// shard, all that are left. No receive is started long before its message is sent: pending receives are polled all
  /// the time.
  func exchangeFactors(of parameter: Int) {
    let place = sums.currentShard - sums.shards.lowerBound
    let own = sums.factors!.exchangedMemory(parameter, shard: sums.currentShard)
    let transfers = others.flatMap { other -> [Transfer] in
      let theirs = sums.tree.range(of: other, ranks: communicator.size).dropFirst(place)
      return theirs.prefix(sums.isAtLastShard ? theirs.count : 1).flatMap { shard in
        sums.factors!.exchangedMemory(parameter, shard: shard).map { .receive($0.values, count: $0.count, from: other) }
      } + own.map { .send(UnsafePointer($0.values), count: $0.count, to: other) }
    }
    pendingFactors[parameter, default: []].append(communicator.start(transfers, .factors(parameter: parameter)))
  }

  func sendStoredSums(of bucket: Int) {
    sums.complete(buckets[bucket].plan.range)
    send(bucket, computed: nil)
  }

  func computeAndSendSums(of bucket: Int, slot: Int) {
    buckets[bucket].received = slots[slot].received.pointer
    timed(bucket, .sum) { send(bucket, computed: slots[slot].computed.pointer) }
  }

  /// - Parameter computed: The memory for sums that are not stored. Stored sums are used where they are.
  private func send(_ bucket: Int, computed: UnsafeMutablePointer<Float>?) {
    let (range, slices) = (buckets[bucket].plan.range, buckets[bucket].plan.slices)
    let own: [[UnsafeMutablePointer<Float>]] = slices.map { slice in
      if slice.isEmpty { return [] }
      let memory = computed.map { $0 + (slice.lowerBound - range.lowerBound) * sums.nodes.count }
      return sums.values(of: slice, in: memory ?? total.pointer)
    }
    buckets[bucket].own = own
    guard communicator.size > 1 else { return }
    let mine = slices[communicator.rank]
    var transfers: [Transfer] = []
    var place = 0
    for other in slices.indices where other != communicator.rank && !mine.isEmpty {
      for _ in nodes[other] {
        transfers.append(.receive(buckets[bucket].received! + place * mine.count, count: mine.count, from: other))
        place += 1
      }
    }
    for other in others {
      transfers += own[other].map { .send(UnsafePointer($0), count: slices[other].count, to: other) }
    }
    buckets[bucket].sums = communicator.start(transfers, .gradients(bucket: bucket))
  }

  func haveSumsArrived(of bucket: Int) -> Bool {
    guard let transfer = buckets[bucket].sums else { return true }
    guard hasEnded(transfer) else { return false }
    buckets[bucket].sums = nil
    return true
  }

  func haveFactorsArrived(of parameter: Int) -> Bool { pendingFactors[parameter]!.allSatisfy(hasEnded) }

  /// Queued transfers leave in the order in which they are queued, which is the forward order on every rank.
  func broadcastWeights(of bucket: Int) {
    let slices = buckets[bucket].plan.slices
    let mine = slices[communicator.rank]
    buckets[bucket].weights = communicator.start(
      others.flatMap { other -> [Transfer] in
        [
          .receive(weights + slices[other].lowerBound, count: slices[other].count, from: other),
          .send(weights + mine.lowerBound, count: mine.count, to: other),
        ]
      }, .weights(bucket: bucket), isQueued: true)
  }

  func haveWeightsArrived(of bucket: Int) -> Bool {
    guard let transfer = buckets[bucket].weights else { return true }
    guard hasEnded(transfer) else { return false }
    buckets[bucket].weights = nil
    return true
  }

  /// Ends the job where the transfer failed: the ranks no longer agree on what is in flight.
  private func hasEnded(_ transfer: PendingTransfer) -> Bool {
    guard transfer.hasEnded else { return false }
    if let error = transfer.error { communicator.fail(error) }
    return true
  }

  /// The other ranks, beginning after this one, so that not all send to the same rank first.
  private var others: [Int] {
    (1..<max(communicator.size, 1)).map { (communicator.rank + $0) % communicator.size }
  }

  // MARK: Arithmetic

  func unpackFactors(of parameter: Int, for bucket: Int) {
    timed(bucket, .unpack) {
      for shard in 0..<sums.tree.shards where !sums.shards.contains(shard) {
        sums.factors!.unpack(parameter, shard: shard, pool)
      }
    }
  }

  func update(_ bucket: Int) { timed(bucket, .update) { updateSlice(buckets[bucket]) } }

  private func updateSlice(_ bucket: Bucket) {
    let range = bucket.plan.slices[communicator.rank]
    guard !range.isEmpty else { return }
    if bucket.plan.exchange?.exchangesFactors ?? false {
      sums.total(of: range, into: total.pointer)
      applyUpdate(range, UnsafePointer(total.pointer))
      return
    }
    var values: [UnsafeMutablePointer<Float>] = []
    var place = 0
    for rank in nodes.indices {
      if rank == communicator.rank {
        values += bucket.own[rank]
      } else {
        for _ in nodes[rank] {
          values.append(bucket.received! + place * range.count)
          place += 1
        }
      }
    }
    ShardAddition.add(values, count: range.count, additions, pool)
    applyUpdate(range, UnsafePointer(values[0]))
  }

  private func timed(_ bucket: Int, _ work: BucketWork, _ body: () -> Void) {
    guard let observer else { return body() }
    let start = MonotonicClock.now
    body()
    observer(bucket, work, MonotonicClock.now - start)
  }

  // MARK: The end of an iteration

  /// Waits for the transfers of an iteration that the ranks give up.
  func drainSums() throws {
    for bucket in buckets.indices {
      if let transfer = buckets[bucket].sums { try communicator.wait(transfer) }
      buckets[bucket].sums = nil
    }
  }

  /// Waits for factors that are still in flight, and begins the sums of the next minibatch.
  func reset() throws {
    for transfer in pendingFactors.values.joined() { try communicator.wait(transfer) }
    pendingFactors.removeAll(keepingCapacity: true)
    sums.restart()
  }
}
