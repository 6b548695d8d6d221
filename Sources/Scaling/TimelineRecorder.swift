// The recorder of an `IterationTimeline`. It is placed between the layers and the reduction, and around the phase's
// step, and measures everything but the waiting and the reduction's own arithmetic.
import Cluster
import Compute
import Foundation
import Support
import Training

final class TimelineRecorder: ParameterSynchronization {
  /// Nothing is recorded before this is true.
  var isRecording = false

  private enum Pass: Hashable { case frozenForward, firstForward, forward, backward }

  private let next: any ParameterSynchronization
  private let communicator: Communicator
  private let reduction: BucketedReduction
  private let ownShards: Int
  /// [pass][iteration or shard][step]
  private var samples: [Pass: [[IterationTimeline.Step]]] = [:]
  private var afterShard: [Double] = []
  private var afterLast: [Double] = []
  /// Sums over all iterations: a bucket's update may come before or after the next iteration's beginning.
  private var work: [BucketSeconds]
  private var iterations = 0
  /// The steps of the current pass.
  private var steps: [IterationTimeline.Step] = []
  private var shard = 0
  /// Set between a backward pass and the next pass: whether it was the last shard's.
  private var backwardWasLast: Bool?
  private var isLastShard: Bool { shard == ownShards - 1 }
  /// The time of the last mark, the communicator's waiting time then, and the reduction's arithmetic since.
  private var markTime = 0.0
  private var markWaiting = 0.0
  private var working = 0.0

  init(
    _ next: any ParameterSynchronization, _ communicator: Communicator, _ reduction: BucketedReduction, ownShards: Int
  ) {
    self.next = next
    self.communicator = communicator
    self.reduction = reduction
    self.ownShards = ownShards
    work = Array(repeating: BucketSeconds(), count: reduction.plan.buckets.count)
    restart()
  }

  /// Receives the durations of the reduction's arithmetic; the reduction's `observer`.
  func record(_ kind: BucketWork, of bucket: Int, seconds: Double) {
    working += seconds
    guard isRecording else { return }
    switch kind {
    case .sum: work[bucket].sum += seconds
    case .unpack: work[bucket].unpack += seconds
    case .update: work[bucket].update += seconds
    }
  }

  // MARK: Calls of the layers

  func need(_ layer: LayerParameters) {
    let seconds = lap()
    next.need(layer)
    restart()
    steps.append(.init(seconds, .need(layer.indices)))
  }

  func gradientIsComplete(of layer: LayerParameters) {
    let seconds = lap()
    restart()
    next.gradientIsComplete(of: layer)
    steps.append(.init(seconds, .complete(layer.indices), inside: lap()))
    restart()
  }

  func reached(_ stage: Stage) {
    let seconds = lap()
    next.reached(stage)
    restart()
    steps.append(.init(seconds, .stage))
  }

  /// Returns the seconds of computation since `restart`.
  private func lap() -> Double {
    max(MonotonicClock.now - markTime - (communicator.secondsWaiting - markWaiting) - working, 0)
  }

  private func restart() {
    markTime = MonotonicClock.now
    markWaiting = communicator.secondsWaiting
    working = 0
  }

  // MARK: Passes of a shard

  func frozenForward(_ body: () -> Void) { pass(.frozenForward, body) }

  func forward<Result>(_ body: () -> Result) -> Result {
    if shard == 0, isRecording { iterations += 1 }
    return pass(shard == 0 ? .firstForward : .forward, body)
  }

  func backward(_ body: () -> Void) {
    pass(.backward, body)
    backwardWasLast = isLastShard
    shard = isLastShard ? 0 : shard + 1
  }

  private func pass<Result>(_ pass: Pass, _ body: () -> Result) -> Result {
    let gap = lap()
    if isRecording, let backwardWasLast {
      if backwardWasLast { afterLast.append(gap) } else { afterShard.append(gap) }
    }
    backwardWasLast = nil
    steps = []
    restart()
    defer {
      steps.append(.init(lap(), .stage))
      restart()
      // Only the last shard's `inside` counts.
      if isRecording, pass != .backward || isLastShard { samples[pass, default: []].append(steps) }
    }
    return body()
  }

  // MARK: Results

  /// The means of what was recorded, step by step. Means include disturbances of the run, as its measured seconds do.
  var timeline: IterationTimeline {
    func mean(_ pass: Pass) -> [IterationTimeline.Step]? {
      guard let all = samples[pass], let first = all.last else { return nil }
      let alike = all.filter { $0.map(\.mark) == first.map(\.mark) }
      return first.indices.map { place in
        .init(
          Averages.mean(alike.map { $0[place].seconds }), first[place].mark,
          inside: Averages.mean(alike.map { $0[place].inside }))
      }
    }
    return IterationTimeline(
      frozenForward: mean(.frozenForward) ?? [], firstForward: mean(.firstForward) ?? [], forward: mean(.forward),
      backward: mean(.backward) ?? [], afterShard: Averages.mean(afterShard), afterLast: Averages.mean(afterLast))
  }

  /// The means over the iterations, by bucket; valid when all weights of the last iteration are new.
  var bucketSeconds: [BucketSeconds] {
    let count = Double(max(iterations, 1))
    return work.map { BucketSeconds(sum: $0.sum / count, unpack: $0.unpack / count, update: $0.update / count) }
  }
}
