// The scaling model: the duration of an iteration on N nodes, predicted from one node's recorded computation and a link
// of a given bandwidth. All nodes are taken to be alike and in step, so one of them stands for all: it receives as much
// as it sends, at the same time. The sequence of steps is that of `PhaseTrainer`; the reduction is `ReductionSchedule`,
// as in training.
//
//   link        one queue, first come first served, as a connection is: gradients, reports, weights
//   processor   the rank's own thread; while the link is busy, messages take a share of it where no core is free
//
// The model does not include nodes that differ, switches that lose packets, or images that arrive late.
import Cluster

package struct ScalingModel: Sendable {
  package struct Bucket: Sendable {
    package var parameters: [Int]
    package var exchange: GradientExchange?
    package var seconds: BucketSeconds
    /// Bytes of sums that a rank sends to all others together.
    package var gradientBytes: Int
    /// Bytes of new weights that a rank sends to all others together.
    package var weightBytes: Int

    package init(
      parameters: [Int], exchange: GradientExchange? = nil, seconds: BucketSeconds = BucketSeconds(),
      gradientBytes: Int, weightBytes: Int
    ) {
      self.parameters = parameters
      self.exchange = exchange
      self.seconds = seconds
      self.gradientBytes = gradientBytes
      self.weightBytes = weightBytes
    }
  }

  package struct Prediction: Sendable, Equatable {
    /// Seconds of one iteration.
    package var seconds: Double
    /// The part of them spent waiting for messages.
    package var exposed: Double
    /// The seconds in which the link is busy.
    package var transfer: Double
  }

  package var timeline: IterationTimeline
  /// In the order of the plan.
  package var buckets: [Bucket]
  /// Bytes of one shard's factors to all others, by parameter.
  package var factorBytes: [Int: Int] = [:]
  package var reportBytes = 0
  package var ranks: Int
  /// The shards of the rank that has most.
  package var shards: Int
  /// True if the frozen forward pass of the next minibatch runs before the agreement on this one.
  package var prefetches = false
  /// Bytes per second, each way at once.
  package var bandwidth = Double.infinity
  /// Seconds from the send of a short message to its arrival.
  package var latency = 0.0
  /// Seconds of the rank's own cores for each byte that it sends and each that it receives; 0 where a core is free for
  /// it.
  package var messageSeconds = 0.0

  package init(timeline: IterationTimeline, buckets: [Bucket], ranks: Int, shards: Int) {
    self.timeline = timeline
    self.buckets = buckets
    self.ranks = ranks
    self.shards = shards
  }

  /// Returns the times of one iteration in the steady state.
  package func predict() -> Prediction {
    var playback = ScalingPlayback(self)
    var before = playback.rank.times
    for _ in 0..<6 {
      before = playback.rank.times
      playback.iterate()
    }
    let after = playback.rank.times
    return Prediction(
      seconds: after.now - before.now, exposed: after.waited - before.waited,
      transfer: after.transferred - before.transferred)
  }
}

/// The calls of a rank's thread in an iteration, in simulated time.
private struct ScalingPlayback {
  let rank: SimulatedRank
  private let model: ScalingModel
  private var schedule: ReductionSchedule
  private var isPrefetched = false
  /// The time at which all ranks' reports are there; nil once the ranks have agreed.
  private var reportArrival: Double?

  init(_ model: ScalingModel) {
    self.model = model
    rank = SimulatedRank(model)
    schedule = ReductionSchedule(
      model.buckets.map { .init(parameters: $0.parameters, exchange: $0.exchange) },
      parameters: max(model.timeline.parameterCount, (model.buckets.flatMap(\.parameters).max() ?? -1) + 1),
      ranks: model.ranks)
  }

  mutating func iterate() {
    let timeline = model.timeline
    for shard in 0..<model.shards {
      let isLast = shard == model.shards - 1
      if shard > 0 || !isPrefetched { play(timeline.frozenForward) }
      play(shard == 0 ? timeline.firstForward : timeline.forward)
      if shard == 0 {
        schedule.waitForWeights(rank)
        schedule.begin()
      }
      play(timeline.backward, isLastShard: isLast)
      rank.work(isLast ? timeline.afterLast : timeline.afterShard)
    }
    reportArrival = rank.sendReport()
    if model.prefetches, model.ranks > 1 {
      play(timeline.frozenForward)
      isPrefetched = true
    }
    if let arrival = reportArrival {
      rank.wait(until: arrival)
      agree()
    }
  }

  private mutating func play(_ steps: [IterationTimeline.Step], isLastShard: Bool = false) {
    for step in steps {
      rank.work(step.seconds)
      switch step.mark {
      case .stage:
        if let arrival = reportArrival, arrival <= rank.times.now { agree() }
        schedule.advance(rank)
      case .need(let parameters): schedule.waitForWeights(of: parameters, rank)
      case .complete(let parameters):
        if isLastShard { rank.work(step.inside) }
        for parameter in parameters { schedule.gradientIsComplete(of: parameter, isLastShard: isLastShard, rank) }
      }
    }
  }

  private mutating func agree() {
    reportArrival = nil
    schedule.applyUpdates(rank)
  }
}

/// A rank with a simulated clock and link.
private final class SimulatedRank: ReductionEffects {
  private let model: ScalingModel
  private(set) var times = (now: 0.0, waited: 0.0, transferred: 0.0)
  private var linkFree = 0.0
  /// The times at which the link's messages arrive, in ascending order.
  private var arrivals: [Double] = []
  private var arrived = 0
  /// Transfers without bytes.
  private var empty = 0
  private var sumArrival: [Double]
  private var weightArrival: [Double]
  private var factorArrival: [Int: Double] = [:]

  init(_ model: ScalingModel) {
    self.model = model
    sumArrival = model.buckets.map { _ in 0 }
    weightArrival = sumArrival
  }

  // MARK: The clock

  func work(_ seconds: Double) {
    times.now += seconds
    guard model.messageSeconds > 0, model.ranks > 1 else { return }
    times.now += min(max(linkFree - (times.now - seconds), 0), seconds) * min(model.messageSeconds * model.bandwidth, 1)
  }

  func wait(until time: Double) {
    guard time > times.now else { return }
    times.waited += time - times.now
    times.now = time
  }

  // MARK: The link

  /// Returns the time of arrival.
  private func send(_ bytes: Int) -> Double {
    guard model.ranks > 1, bytes > 0 else {
      empty += 1
      return times.now
    }
    let seconds = Double(bytes) / model.bandwidth
    linkFree = max(times.now, linkFree) + seconds
    times.transferred += seconds
    arrivals.append(linkFree + model.latency)
    return linkFree + model.latency
  }

  /// Returns the time at which all ranks' reports are there. A report arrives after all that was sent before, however
  /// short it is.
  func sendReport() -> Double {
    linkFree = max(linkFree, times.now)
    guard model.ranks > 1 else { return times.now }
    return max(send(model.reportBytes * (model.ranks - 1)), linkFree + model.latency)
  }

  var completedTransfers: Int {
    while arrived < arrivals.count, arrivals[arrived] <= times.now { arrived += 1 }
    return arrived + empty
  }

  func waitForTransfer(since completed: Int) {
    guard completedTransfers == completed else { return }
    precondition(arrived < arrivals.count, "nothing is in flight")
    wait(until: arrivals[arrived])
  }

  // MARK: The reduction

  func exchangeFactors(of parameter: Int) { factorArrival[parameter] = send(model.factorBytes[parameter] ?? 0) }

  func sendStoredSums(of bucket: Int) { sumArrival[bucket] = send(model.buckets[bucket].gradientBytes) }

  func computeAndSendSums(of bucket: Int, slot: Int) {
    work(model.buckets[bucket].seconds.sum)
    sumArrival[bucket] = send(model.buckets[bucket].gradientBytes)
  }

  func haveSumsArrived(of bucket: Int) -> Bool { sumArrival[bucket] <= times.now }

  func haveFactorsArrived(of parameter: Int) -> Bool { factorArrival[parameter] ?? 0 <= times.now }

  func unpackFactors(of parameter: Int, for bucket: Int) { work(model.buckets[bucket].seconds.unpack) }

  func update(_ bucket: Int) { work(model.buckets[bucket].seconds.update) }

  func broadcastWeights(of bucket: Int) { weightArrival[bucket] = send(model.buckets[bucket].weightBytes) }

  func haveWeightsArrived(of bucket: Int) -> Bool { weightArrival[bucket] <= times.now }
}
