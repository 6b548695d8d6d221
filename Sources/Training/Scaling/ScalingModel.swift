// How long an iteration takes on N nodes: one node's recorded arithmetic played back against a link of so many bytes a
// second. All nodes are taken to be alike and in step, so one of them stands for all: what it sends, it receives at the same
// time. The steps are those of `PhaseTrainer` and `BucketedReduction`, with seconds in place of arithmetic.
//
//   link        one queue, first come first served, as a connection is: gradients, the ranks' words, weights
//   processor   the rank's own thread; while the link is busy, messages take a share of it where no core is free
//
// Not in it: nodes that differ, poolingIndices that lose packets, pictures that come late.
import Cluster

package struct ScalingModel: Sendable {
  package struct Bucket: Sendable {
    package var parameters: [Int]
    package var way: GradientExchange?
    package var seconds: BucketSeconds
    /// Bytes that a rank sends to all others together.
    package var gradientBytes: Int
    package var weightBytes: Int

    package init(
      parameters: [Int], way: GradientExchange? = nil, seconds: BucketSeconds = BucketSeconds(), gradientBytes: Int,
      weightBytes: Int
    ) {
      (self.parameters, self.way, self.seconds) = (parameters, way, seconds)
      (self.gradientBytes, self.weightBytes) = (gradientBytes, weightBytes)
    }
  }

  package struct Prediction: Sendable, Equatable {
    /// Of one iteration.
    package var seconds: Double
    /// Of these, waiting for messages.
    package var exposed: Double
    /// In which the link is busy.
    package var transfer: Double
  }

  package var script: IterationTimeline
  /// In the order of the plan.
  package var buckets: [Bucket]
  /// Bytes of one shard's factors to all others, by parameter.
  package var factorBytes: [Int: Int] = [:]
  package var reportBytes = 0
  package var ranks: Int
  /// Of the rank that has most.
  package var shards: Int
  /// Whether the next minibatch's features come before this one's agreement.
  package var looksAhead = false
  /// Bytes a second, each way at once.
  package var bandwidth = Double.infinity
  /// Seconds from a rank's call to the other's knowledge of a short message.
  package var latency = 0.0
  /// Seconds of the rank's own cores for each byte that it sends and each that it receives; 0 where a core is free for it.
  package var messageSeconds = 0.0

  package init(script: IterationTimeline, buckets: [Bucket], ranks: Int, shards: Int) {
    (self.script, self.buckets, self.ranks, self.shards) = (script, buckets, ranks, shards)
  }

  /// An iteration's times once the run is under way.
  package func predict() -> Prediction {
    var run = ScalingPlayback(self)
    var before = run.times
    for _ in 0..<6 {
      before = run.times
      run.iterate()
    }
    let after = run.times
    return Prediction(
      seconds: after.now - before.now, exposed: after.waited - before.waited,
      transfer: after.transferred - before.transferred)
  }
}

/// The state of a playback.
private struct ScalingPlayback {
  private enum Stage { case computing, travelling, spreading, ready }

  private let model: ScalingModel
  private(set) var times = (now: 0.0, waited: 0.0, transferred: 0.0)
  private var linkFree = 0.0
  private var stages: [Stage]
  private var missing: [Int]
  /// When a bucket's gradients, or weights, are there.
  private var arrival: [Double]
  private var holdsSlot: [Bool]
  private var freeSlots: Int
  private var factorArrival: [Int: Double] = [:]
  private var unpacked: Set<Int> = []
  private var isOpen = false
  private var isAhead = false
  /// When all ranks' words are there; nil once they are read.
  private var reportArrival: Double?

  init(_ model: ScalingModel) {
    self.model = model
    stages = model.buckets.map { _ in .ready }
    missing = model.buckets.map { _ in 0 }
    arrival = model.buckets.map { _ in 0 }
    holdsSlot = model.buckets.map { _ in false }
    freeSlots = model.ranks == 1 ? 1 : 2
  }

  mutating func iterate() {
    for shard in 0..<model.shards {
      let isLast = shard == model.shards - 1
      if shard > 0 || !isAhead { play(model.script.features) }
      play(shard == 0 ? model.script.firstForward : model.script.forward)
      if shard == 0 { begin() }
      play(model.script.backward, isBackward: true, isLast: isLast)
      work(isLast ? model.script.afterLast : model.script.afterShard)
    }
    // Behind all that was handed over before, however short it is.
    linkFree = max(linkFree, times.now)
    reportArrival =
      model.ranks > 1 ? max(send(model.reportBytes * (model.ranks - 1)), linkFree + model.latency) : times.now
    if model.looksAhead, model.ranks > 1 {
      play(model.script.features)
      isAhead = true
    }
    if let arrival = reportArrival {
      wait(until: arrival)
      agree()
    }
  }

  // MARK: The rank's own thread

  private mutating func play(_ steps: [IterationTimeline.Step], isBackward: Bool = false, isLast: Bool = false) {
    for step in steps {
      work(step.seconds)
      switch step.mark {
      case .stage:
        if let arrival = reportArrival, arrival <= times.now { agree() }
        advance()
      case .need(let parameters):
        guard isOpen else { break }
        for bucket in model.buckets.indices where !Set(model.buckets[bucket].parameters).isDisjoint(with: parameters) {
          wait(for: bucket)
        }
      case .complete(let parameters):
        if isLast { work(step.inside) }
        for parameter in parameters { complete(parameter, isLast: isLast) }
      }
    }
  }

  private mutating func work(_ seconds: Double) {
    times.now += seconds
    guard model.messageSeconds > 0, model.ranks > 1 else { return }
    times.now += min(max(linkFree - (times.now - seconds), 0), seconds) * min(model.messageSeconds * model.bandwidth, 1)
  }

  private mutating func wait(until time: Double) {
    guard time > times.now else { return }
    times.waited += time - times.now
    times.now = time
  }

  // MARK: The link

  /// Returns when it is there.
  private mutating func send(_ bytes: Int) -> Double {
    guard model.ranks > 1, bytes > 0 else { return times.now }
    let seconds = Double(bytes) / model.bandwidth
    linkFree = max(times.now, linkFree) + seconds
    times.transferred += seconds
    return linkFree + model.latency
  }

  // MARK: The reduction

  private mutating func begin() {
    for bucket in stages.indices.reversed() { wait(for: bucket) }
    isOpen = false
    stages = stages.map { _ in .computing }
    missing = model.buckets.map(\.parameters.count)
    factorArrival.removeAll()
    unpacked.removeAll()
  }

  private mutating func complete(_ parameter: Int, isLast: Bool) {
    if let bytes = model.factorBytes[parameter] { factorArrival[parameter] = send(bytes) }
    guard isLast else { return }
    for bucket in model.buckets.indices where model.buckets[bucket].parameters.contains(parameter) {
      missing[bucket] -= 1
      guard missing[bucket] == 0 else { continue }
      stages[bucket] = .travelling
      arrival[bucket] = .infinity
      if model.buckets[bucket].way == nil { arrival[bucket] = send(model.buckets[bucket].gradientBytes) }
    }
  }

  private mutating func agree() {
    reportArrival = nil
    isOpen = true
    advance()
  }

  private mutating func advance() {
    guard isOpen else { return }
    var moved = true
    while moved {
      moved = false
      var isFirst = true
      for bucket in stages.indices.reversed() where stages[bucket] != .ready {
        moved = step(bucket, mayUpdate: isFirst) || moved
        if stages[bucket] == .travelling { isFirst = false }
      }
    }
  }

  private mutating func step(_ number: Int, mayUpdate: Bool) -> Bool {
    let bucket = model.buckets[number]
    switch stages[number] {
    case .computing, .ready: return false
    case .travelling:
      if bucket.way == .sums && !holdsSlot[number] {
        guard freeSlots > 0 else { return false }
        freeSlots -= 1
        holdsSlot[number] = true
        work(bucket.seconds.sum)
        arrival[number] = send(bucket.gradientBytes)
      }
      if bucket.way == .factors || bucket.way == .replicas {
        arrival[number] = factorArrival[bucket.parameters[0]] ?? times.now
      }
      guard mayUpdate, arrival[number] <= times.now else { return false }
      if unpacked.insert(bucket.parameters[0]).inserted { work(bucket.seconds.unpack) }
      work(bucket.seconds.update)
      if holdsSlot[number] { (holdsSlot[number], freeSlots) = (false, freeSlots + 1) }
      stages[number] = .spreading
      arrival[number] = send(bucket.weightBytes)
      return true
    case .spreading:
      guard arrival[number] <= times.now else { return false }
      stages[number] = .ready
      return true
    }
  }

  private mutating func wait(for bucket: Int) {
    while stages[bucket] != .ready {
      advance()
      guard stages[bucket] != .ready else { break }
      let events = stages.indices.filter { stages[$0] != .ready && arrival[$0] > times.now && arrival[$0] < .infinity }
        .map { arrival[$0] }
      guard let next = events.min() else { preconditionFailure("bucket \(bucket) waits for nothing") }
      wait(until: next)
    }
  }
}
