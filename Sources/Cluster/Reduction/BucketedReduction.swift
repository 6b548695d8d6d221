// How the gradients of all ranks become new weights everywhere, while every rank computes.
//
//   backward   each bucket's sums leave for the ranks that update their slices as soon as its layers are done in the last
//              shard; factors of large matrices leave shard by shard (`GradientExchange`)
//   close      the ranks' reports cross; whether the iteration counts is known to all from the same words
//   open       slices are added in tree order and updated as they come, and the new weights leave for everybody
//   forward    the next iteration begins, and waits for a layer's weights where it first needs them
//
// So sums are hidden behind the backward pass and weights behind the next forward pass. Nothing is updated before every rank
// has said that its losses and gradients are sound: an iteration changes all weights or none.
//
// The rank's own thread calls everything here; only `CommunicationThread` talks to MPI. Bits depend on none of it: a sum's
// order is that of `ShardTree`, whichever rank makes it and whenever.
import Compute

/// A bucket's arithmetic between its gradients and its new weights.
package enum BucketWork: Sendable {
  /// This rank's sums, where they are not stored.
  case sum
  /// Other ranks' factors brought into the kernels' form.
  case unpack
  /// The sum over all ranks of this rank's slice, and its update.
  case update
}

package final class BucketedReduction {
  package let plan: BucketPlan
  /// Hears how long each piece of a bucket's arithmetic took: for measurements.
  package var observer: ((_ bucket: Int, _ work: BucketWork, _ seconds: Double) -> Void)?
  /// What is being waited for, if anything; a watchdog reads it from another thread.
  package internal(set) var awaited: TransferKind?

  let communicator: Communicator
  let sums: PartialSums
  let weights: UnsafeMutablePointer<Float>
  let pool: WorkerPool
  let update: (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
  private let reports: Reports
  /// For each rank the nodes that it sends.
  let nodes: [[ShardTree.Node]]
  let additions: [(into: Int, from: Int)]
  /// In the order of the plan.
  let states: [BucketState]
  /// Where each parameter has floats, in `states`.
  let statesOfParameter: [[Int]]
  /// By parameter whose factors travel.
  var pendingFactors: [Int: [PendingTransfer]] = [:]
  var unpacked: Set<Int> = []
  /// Memory for the sums of parameters that go by `sums`, two buckets at a time.
  let slots: [SumSlot]
  /// Memory for one bucket's slice of a sum over all shards.
  let total: AlignedMemory
  var isOpen = false
  var isSettled = true
  var seen = -1

  /// - Parameters:
  ///   - sums: made with `plan.exchanged`.
  ///   - weights: the flat vector, equal on all ranks.
  ///   - reportCount: values of a rank's report.
  ///   - update: called for parts of this rank's slices with the gradient summed over all shards, whose first value
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
    self.weights = weights
    self.pool = pool
    self.update = update
    reports = Reports(communicator, count: reportCount)
    let (ranks, rank, tree) = (communicator.size, communicator.rank, sums.tree)
    let nodes = (0..<ranks).map { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)) }
    self.nodes = nodes
    additions = tree.additions(joining: nodes.flatMap { $0 })
    let foreign = nodes.flatMap { $0 }.count - nodes[rank].count
    states = plan.buckets.enumerated().map { number, bucket in
      BucketState(number, bucket, receivedFloats: bucket.way == nil ? foreign * bucket.slices[rank].count : 0)
    }
    statesOfParameter = plan.table.parameters.indices.map { parameter in
      plan.buckets.indices.filter { plan.buckets[$0].parameters.contains(parameter) }
    }
    let longest = plan.buckets.filter { $0.way == .sums }.map(\.range.count).max() ?? 0
    let longestSlice = plan.buckets.filter { $0.way == .sums }.map { $0.slices[rank].count }.max() ?? 0
    slots = (0..<(longest == 0 ? 0 : ranks == 1 ? 1 : 2)).map { _ in
      SumSlot(computed: longest * nodes[rank].count, received: foreign * longestSlice)
    }
    total = AlignedMemory(
      floats: plan.buckets.filter { $0.way == .factors || $0.way == .replicas }.map { $0.slices[rank].count }.max()
        ?? 0,
      for: .gradients)
  }

  // MARK: The backward pass

  /// Begins an iteration's gradients; before the first shard's backward pass. Waits for what is left of the iteration before.
  package func begin() throws {
    try finish()
    isSettled = false
    isOpen = false
    for state in states {
      state.stage = .computing
      state.missing = state.bucket.parameters.count
    }
    unpacked.removeAll(keepingCapacity: true)
  }

  /// Takes the gradient of a parameter as written for the shard in hand. What is complete with it leaves.
  package func gradientIsComplete(of parameter: Int) {
    if communicator.size > 1, sums.factors?.travels(parameter) ?? false { exchangeFactors(of: parameter) }
    guard sums.isAtLastShard else { return }
    for place in statesOfParameter[parameter] {
      let state = states[place]
      state.missing -= 1
      precondition(state.missing >= 0, "the gradient of \(plan.table.parameters[parameter].name) came twice")
      guard state.missing == 0 else { continue }
      state.stage = .travelling
      if state.bucket.way == nil {
        sums.complete(state.bucket.range)
        send(state)
      }
    }
  }

  /// The factors of the shard in hand go out; those of the others' shards of the same place come in, at the last shard all that
  /// are left. Nothing is asked for before it is about to come: what is awaited must be looked after all the time.
  private func exchangeFactors(of parameter: Int) {
    let place = sums.currentShard - sums.shards.lowerBound
    let own = sums.factors!.travelling(parameter, shard: sums.currentShard)
    let transfers = others.flatMap { other -> [Transfer] in
      let theirs = sums.tree.range(of: other, ranks: communicator.size).dropFirst(place)
      return theirs.prefix(sums.isAtLastShard ? theirs.count : 1).flatMap { shard in
        sums.factors!.travelling(parameter, shard: shard).map { .receive($0.values, count: $0.count, from: other) }
      } + own.map { .send(UnsafePointer($0.values), count: $0.count, to: other) }
    }
    pendingFactors[parameter, default: []].append(communicator.start(transfers, .factors(parameter: parameter)))
  }

  /// Others' sums of this rank's slice come in, this rank's sums of theirs go out.
  func send(_ state: BucketState) {
    let slices = state.bucket.slices
    state.own = slices.enumerated().map { rank, slice in
      if slice.isEmpty { return [] }
      // Stored sums are used where they are.
      let computed = state.slot.map {
        $0.computed.pointer + (slice.lowerBound - state.bucket.range.lowerBound) * sums.nodes.count
      }
      return sums.values(of: slice, in: computed ?? total.pointer)
    }
    guard communicator.size > 1 else { return }
    let mine = slices[communicator.rank]
    var transfers: [Transfer] = []
    var place = 0
    for other in slices.indices where other != communicator.rank && !mine.isEmpty {
      for _ in nodes[other] {
        transfers.append(.receive(state.received! + place * mine.count, count: mine.count, from: other))
        place += 1
      }
    }
    for other in others {
      transfers += state.own[other].map { .send(UnsafePointer($0), count: slices[other].count, to: other) }
    }
    state.gradients = communicator.start(transfers, .gradients(bucket: state.number))
  }

  // MARK: The agreement

  /// Says this rank's words at the end of its shards; all gradients are complete and `sums` committed.
  package func close(_ report: [Double]) {
    precondition(sums.isComplete && states.allSatisfy { $0.stage == .travelling }, "some gradient is missing")
    reports.start(report)
  }

  /// Whether all ranks' words are there.
  package var canAgree: Bool { reports.haveArrived }

  /// Waits for the words of all ranks: by rank, and the seconds by which each came later than this rank's own.
  package func agreement() throws -> (reports: [[Double]], lateness: [Double]) {
    awaited = .reports
    defer { awaited = nil }
    return try reports.finish()
  }

  /// Lets the iteration count: updates begin.
  package func open() {
    isOpen = true
    seen = -1
    advance()
  }

  /// The other ranks, beginning after this one, so that not all send to the same rank first.
  var others: [Int] {
    (1..<max(communicator.size, 1)).map { (communicator.rank + $0) % communicator.size }
  }

  /// A transfer that failed leaves the ranks without knowledge of each other: nothing is left but to end the job.
  func require(_ flight: PendingTransfer) {
    if let error = flight.error { communicator.fail(error) }
  }
}
