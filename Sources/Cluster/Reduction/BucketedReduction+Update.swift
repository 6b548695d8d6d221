// The second half of an iteration's traffic: sums become new weights, and the next iteration waits for them where it must.
import Compute
import Support

extension BucketedReduction {
  // MARK: The update

  /// Does what can be done without waiting. Called often: between the layers of whatever else is computed.
  package func advance() {
    guard isOpen, !isSettled else { return }
    let ended = communicator.completedTransfers
    guard ended != seen else { return }
    seen = ended
    // Forward order: what the next iteration needs first. Its gradients come last; the weights of others, which would be
    // ready sooner, wait for it, or it would queue behind all of them.
    var moved = true
    while moved {
      moved = false
      var isFirst = true
      for state in states.reversed() where state.stage != .ready {
        moved = step(state, mayUpdate: isFirst) || moved
        if state.stage == .travelling { isFirst = false }
      }
    }
  }

  /// One step of a bucket, if it can be made.
  private func step(_ state: BucketState, mayUpdate: Bool) -> Bool {
    switch state.stage {
    case .computing, .ready: return false
    case .travelling:
      if state.bucket.way == .sums && state.slot == nil {
        guard let slot = slots.first(where: \.isFree) else { return false }
        slot.isFree = false
        state.slot = slot
        state.received = slot.received.pointer
        timed(state, .sum) { send(state) }
      }
      guard mayUpdate, hasArrived(state) else { return false }
      timed(state, .update) { add(state) }
      state.slot?.isFree = true
      state.slot = nil
      spread(state)
      return true
    case .spreading:
      if let flight = state.weights {
        guard flight.hasEnded else { return false }
        require(flight)
      }
      state.weights = nil
      state.stage = .ready
      return true
    }
  }

  private func timed(_ state: BucketState, _ work: BucketWork, _ body: () -> Void) {
    guard let observer else { return body() }
    let start = MonotonicClock.now
    body()
    observer(state.number, work, MonotonicClock.now - start)
  }

  private func hasArrived(_ state: BucketState) -> Bool {
    if let flight = state.gradients {
      guard flight.hasEnded else { return false }
      require(flight)
      state.gradients = nil
    }
    guard state.bucket.way == .factors || state.bucket.way == .replicas, communicator.size > 1 else { return true }
    let parameter = state.bucket.parameters[0]
    if unpacked.contains(parameter) { return true }
    let flights = pendingFactors[parameter]!
    guard flights.allSatisfy(\.hasEnded) else { return false }
    flights.forEach(require)
    let own = sums.shards
    timed(state, .unpack) {
      for shard in 0..<sums.tree.shards where !own.contains(shard) {
        sums.factors!.unpack(parameter, shard: shard, pool)
      }
    }
    unpacked.insert(parameter)
    return true
  }

  /// Adds all ranks' sums of this rank's slice and updates it.
  private func add(_ state: BucketState) {
    let range = state.bucket.slices[communicator.rank]
    guard !range.isEmpty else { return }
    if state.bucket.way == .factors || state.bucket.way == .replicas {
      sums.total(of: range, into: total.pointer)
      update(range, UnsafePointer(total.pointer))
      return
    }
    var values: [UnsafeMutablePointer<Float>] = []
    var place = 0
    for rank in nodes.indices {
      if rank == communicator.rank {
        values += state.own[rank]
      } else {
        for _ in nodes[rank] {
          values.append(state.received! + place * range.count)
          place += 1
        }
      }
    }
    ShardAddition.add(values, count: range.count, additions, pool)
    update(range, UnsafePointer(values[0]))
  }

  /// The new weights of this rank's slice go out, the others' come in: queued, in forward order on every rank.
  private func spread(_ state: BucketState) {
    state.stage = .spreading
    guard communicator.size > 1, state.bucket.way != .replicas else { return }
    let slices = state.bucket.slices
    let mine = slices[communicator.rank]
    state.weights = communicator.start(
      others.flatMap { other -> [Transfer] in
        [
          .receive(weights + slices[other].lowerBound, count: slices[other].count, from: other),
          .send(weights + mine.lowerBound, count: mine.count, to: other),
        ]
      }, .weights(bucket: state.number), isQueued: true)
  }

  // MARK: The next iteration

  /// Returns when the weights of these parameters are the new ones.
  package func need(_ parameters: [Int]) {
    guard isOpen, !isSettled else { return }
    for parameter in parameters {
      for place in statesOfParameter[parameter] where states[place].stage != .ready { wait(for: states[place]) }
    }
  }

  private func wait(for state: BucketState) {
    while true {
      let ended = communicator.completedTransfers
      advance()
      guard state.stage != .ready else { break }
      awaited = state.stage == .spreading ? .weights(bucket: state.number) : waitingKind(state)
      communicator.waitForNews(since: ended)
    }
    awaited = nil
  }

  private func waitingKind(_ state: BucketState) -> TransferKind {
    state.bucket.way == .factors || state.bucket.way == .replicas
      ? .factors(parameter: state.bucket.parameters[0]) : .gradients(bucket: state.number)
  }

  /// Waits until all weights are new and nothing is in flight. Sums begin anew.
  package func finish() throws {
    guard !isSettled else { return }
    precondition(isOpen, "the iteration is not agreed on")
    for state in states.reversed() where state.stage != .ready { wait(for: state) }
    try settle()
  }

  /// Stands for the gradients of shards that this rank could not compute, so that the others' transfers find what they
  /// wait for; the ranks will `discard` the iteration.
  package func abandonShards() {
    while !sums.isComplete {
      _ = sums.nextGradient()
      for parameter in plan.table.parameters.indices { gradientIsComplete(of: parameter) }
      sums.commit()
    }
  }

  /// Forgets an iteration that does not count; no weight has changed. Collective, after `agreement`.
  package func discard() throws {
    for state in states {
      if let flight = state.gradients { try communicator.wait(flight) }
      (state.gradients, state.stage) = (nil, .ready)
    }
    try settle()
  }

  private func settle() throws {
    for flight in pendingFactors.values.joined() { try communicator.wait(flight) }
    pendingFactors.removeAll(keepingCapacity: true)
    sums.restart()
    (isOpen, isSettled) = (false, true)
  }
}
