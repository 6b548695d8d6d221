// The state machine of a reduction: the stage of every bucket, and the rules for its next step.
//
// The schedule decides; `ReductionEffects` act. `BucketedReduction` drives it with messages and arithmetic, and the
// scaling model drives it with a simulated link and clock, so both follow the same rules:
//
// - Stored sums leave as soon as the last shard's gradients of their bucket are complete, factors shard by shard.
// - No weight changes before `applyUpdates`, which follows the agreement of all ranks.
// - Updates happen in forward order, since the next forward pass needs the first layers first. Their gradients are
//   complete last; weights of later layers, which would be ready sooner, wait, or the first layers' would queue behind
//   all of them.
// - Sums that are computed from factors need a slot of memory, which a bucket holds until its update.

/// The stages of all buckets of one reduction.
package struct ReductionSchedule: Sendable {
  package enum Stage: Sendable {
    /// Some gradient of the last shard is not complete.
    case computing
    /// All gradients are complete; their sums are on their way, or wait for a slot.
    case reducing
    /// This rank's slice is updated, and the new weights are on their way.
    case broadcasting
    /// All weights are new.
    case ready
  }

  /// The properties of a bucket that the schedule depends on.
  package struct Bucket: Sendable {
    package let parameters: [Int]
    /// The exchange of a factored gradient; nil for stored gradients.
    package let exchange: GradientExchange?

    package init(parameters: [Int], exchange: GradientExchange?) {
      self.parameters = parameters
      self.exchange = exchange
    }
  }

  private enum Mode { case idle, collecting, updating }

  /// In the order in which their gradients are complete.
  package let buckets: [Bucket]
  package private(set) var stages: [Stage]

  private let ranks: Int
  /// The buckets in which each parameter has floats.
  private let bucketsOfParameter: [[Int]]
  private let exchanged: Set<Int>
  private var mode = Mode.idle
  /// For each bucket the number of parameters whose gradients are not complete.
  private var missing: [Int]
  private var unpacked: Set<Int> = []
  private var slotOfBucket: [Int?]
  private var isSlotFree: [Bool]
  /// The number of completed transfers when `advance` last ran.
  private var seen = -1

  /// The number of buckets whose sums can be computed from factors at a time: while one is reduced, the next is
  /// computed.
  package static func slots(ranks: Int) -> Int { ranks == 1 ? 1 : 2 }

  /// - Parameter parameters: the number of parameters whose gradients are announced.
  package init(_ buckets: [Bucket], parameters: Int, ranks: Int) {
    self.buckets = buckets
    self.ranks = ranks
    var places = [[Int]](repeating: [], count: parameters)
    for (bucket, properties) in buckets.enumerated() {
      for parameter in properties.parameters { places[parameter].append(bucket) }
    }
    bucketsOfParameter = places
    exchanged = Set(buckets.filter { $0.exchange?.exchangesFactors ?? false }.flatMap(\.parameters))
    stages = buckets.map { _ in .ready }
    missing = buckets.map { _ in 0 }
    slotOfBucket = buckets.map { _ in nil }
    isSlotFree = Array(repeating: true, count: Self.slots(ranks: ranks))
  }

  // MARK: Gradients

  /// Begins the gradients of an iteration. The iteration before must be over.
  package mutating func begin() {
    precondition(mode == .idle, "the iteration before is not over")
    mode = .collecting
    for bucket in buckets.indices {
      stages[bucket] = .computing
      missing[bucket] = buckets[bucket].parameters.count
    }
    unpacked.removeAll(keepingCapacity: true)
  }

  /// Takes the gradient of a parameter as complete for the current shard.
  package mutating func gradientIsComplete<Effects: ReductionEffects>(
    of parameter: Int, isLastShard: Bool, _ effects: Effects
  ) {
    if ranks > 1, exchanged.contains(parameter) { effects.exchangeFactors(of: parameter) }
    guard isLastShard else { return }
    for bucket in bucketsOfParameter[parameter] {
      missing[bucket] -= 1
      precondition(missing[bucket] >= 0, "the gradient of parameter \(parameter) came twice")
      guard missing[bucket] == 0 else { continue }
      stages[bucket] = .reducing
      if buckets[bucket].exchange == nil { effects.sendStoredSums(of: bucket) }
    }
  }

  /// True when the gradients of all buckets are complete, and no update has begun.
  package var areGradientsComplete: Bool { stages.allSatisfy { $0 == .reducing } }

  // MARK: Updates

  /// Makes the iteration count: updates begin.
  package mutating func applyUpdates<Effects: ReductionEffects>(_ effects: Effects) {
    mode = .updating
    seen = -1
    advance(effects)
  }

  /// Takes all steps that are possible without waiting. Costs one comparison where no transfer has ended since the last
  /// call.
  package mutating func advance<Effects: ReductionEffects>(_ effects: Effects) {
    guard mode == .updating else { return }
    let completed = effects.completedTransfers
    guard completed != seen else { return }
    seen = completed
    var moved = true
    while moved {
      moved = false
      var isFirst = true
      for bucket in stages.indices.reversed() where stages[bucket] != .ready {
        moved = step(bucket, mayUpdate: isFirst, effects) || moved
        if stages[bucket] == .reducing { isFirst = false }
      }
    }
  }

  /// Takes one step of a bucket, if one is possible.
  private mutating func step<Effects: ReductionEffects>(
    _ bucket: Int, mayUpdate: Bool, _ effects: Effects
  ) -> Bool {
    switch stages[bucket] {
    case .computing, .ready: return false
    case .reducing:
      if buckets[bucket].exchange == .sums && slotOfBucket[bucket] == nil {
        guard let slot = isSlotFree.firstIndex(of: true) else { return false }
        isSlotFree[slot] = false
        slotOfBucket[bucket] = slot
        effects.computeAndSendSums(of: bucket, slot: slot)
      }
      guard mayUpdate, haveGradientsArrived(bucket, effects) else { return false }
      effects.update(bucket)
      if let slot = slotOfBucket[bucket] { isSlotFree[slot] = true }
      slotOfBucket[bucket] = nil
      stages[bucket] = .broadcasting
      if broadcasts(bucket) { effects.broadcastWeights(of: bucket) }
      return true
    case .broadcasting:
      guard !broadcasts(bucket) || effects.haveWeightsArrived(of: bucket) else { return false }
      stages[bucket] = .ready
      return true
    }
  }

  private func broadcasts(_ bucket: Int) -> Bool { ranks > 1 && buckets[bucket].exchange != .replicas }

  private mutating func haveGradientsArrived<Effects: ReductionEffects>(_ bucket: Int, _ effects: Effects) -> Bool {
    guard buckets[bucket].exchange?.exchangesFactors ?? false else { return effects.haveSumsArrived(of: bucket) }
    let parameter = buckets[bucket].parameters[0]
    if ranks == 1 || unpacked.contains(parameter) { return true }
    guard effects.haveFactorsArrived(of: parameter) else { return false }
    effects.unpackFactors(of: parameter, for: bucket)
    unpacked.insert(parameter)
    return true
  }

  // MARK: Weights

  /// Returns when the weights of these parameters are new.
  package mutating func waitForWeights<Effects: ReductionEffects>(of parameters: [Int], _ effects: Effects) {
    guard mode == .updating else { return }
    for parameter in parameters {
      for bucket in bucketsOfParameter[parameter] where stages[bucket] != .ready { wait(for: bucket, effects) }
    }
  }

  /// Returns when all weights are new; the iteration is over.
  package mutating func waitForWeights<Effects: ReductionEffects>(_ effects: Effects) {
    guard mode != .idle else { return }
    precondition(mode == .updating, "the ranks have not agreed on the iteration")
    for bucket in stages.indices.reversed() where stages[bucket] != .ready { wait(for: bucket, effects) }
    mode = .idle
  }

  /// Gives up an iteration whose updates have not begun; the iteration is over, and no weight has changed.
  package mutating func abort() {
    precondition(mode != .updating, "weights have changed already")
    for bucket in stages.indices { stages[bucket] = .ready }
    mode = .idle
  }

  private mutating func wait<Effects: ReductionEffects>(for bucket: Int, _ effects: Effects) {
    while true {
      let completed = effects.completedTransfers
      advance(effects)
      if stages[bucket] == .ready { return }
      effects.waitForTransfer(since: completed)
    }
  }
}
