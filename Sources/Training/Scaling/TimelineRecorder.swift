// Records an `IterationTimeline` from running iterations: it stands between the layers and the reduction's traffic, and around
// the phase's step, and takes the time of everything but waiting and the reduction's own arithmetic.
import Batches
import Cluster
import Foundation
import Compute
import Layers
import Models

final class TimelineRecorder: ParameterSynchronization {
  /// What is recorded from now on; nothing before.
  var isRecording = false

  private enum Part: Hashable { case features, firstForward, forward, backward }

  private let next: any ParameterSynchronization
  private let communicator: Communicator
  private let reduction: BucketedReduction
  private let ownShards: Int
  /// [part][iteration or shard][step]
  private var samples: [Part: [[IterationTimeline.Step]]] = [:]
  private var between: (shard: [Double], last: [Double]) = ([], [])
  /// Of all iterations together: a bucket's update may come before or after the next one's beginning.
  private var work: [BucketSeconds]
  private var iterations = 0
  /// Of the current pass.
  private var steps: [IterationTimeline.Step] = []
  private var isLast = false
  private var shard = 0
  private var afterBackward: Bool?
  /// When the last mark ended, and what had been waited and worked by then.
  private var mark = 0.0
  private var idle = 0.0
  private var working = 0.0

  init(_ next: any ParameterSynchronization, _ communicator: Communicator, _ reduction: BucketedReduction, ownShards: Int) {
    (self.next, self.communicator, self.reduction, self.ownShards) = (next, communicator, reduction, ownShards)
    work = Array(repeating: BucketSeconds(), count: reduction.plan.buckets.count)
    reduction.observer = { [unowned self] bucket, work, seconds in
      working += seconds
      guard isRecording else { return }
      switch work {
      case .sum: self.work[bucket].sum += seconds
      case .unpack: self.work[bucket].unpack += seconds
      case .update: self.work[bucket].update += seconds
      }
    }
    restart()
  }

  // MARK: Traffic

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

  /// Arithmetic since `restart`.
  private func lap() -> Double {
    max(Clock.now - mark - (communicator.secondsWaiting - idle) - working, 0)
  }

  private func restart() {
    (mark, idle, working) = (Clock.now, communicator.secondsWaiting, 0)
  }

  // MARK: Passes

  /// Runs one pass of a shard.
  fileprivate func features(_ body: () -> Void) { pass(.features, body) }

  fileprivate func forward<Result>(_ body: () -> Result) -> Result {
    if shard == 0, isRecording { iterations += 1 }
    return pass(shard == 0 ? .firstForward : .forward, body)
  }

  fileprivate func backward(_ body: () -> Void) {
    isLast = shard == ownShards - 1
    pass(.backward, body)
    afterBackward = isLast
    shard = isLast ? 0 : shard + 1
  }

  private func pass<Result>(_ part: Part, _ body: () -> Result) -> Result {
    let gap = lap()
    if isRecording, let afterBackward {
      if afterBackward { between.last.append(gap) } else { between.shard.append(gap) }
    }
    afterBackward = nil
    steps = []
    restart()
    defer {
      steps.append(.init(lap(), .stage))
      restart()
      // The inside of marks counts in the last shard alone.
      if isRecording, part != .backward || isLast { samples[part, default: []].append(steps) }
    }
    return body()
  }

  // MARK: Results

  /// Means over what was recorded, step by step, so that what disturbs a run is in its script as it is in its seconds.
  var script: IterationTimeline {
    func mean(_ part: Part) -> [IterationTimeline.Step]? {
      guard let all = samples[part], let first = all.last else { return nil }
      let alike = all.filter { $0.map(\.mark) == first.map(\.mark) }
      return first.indices.map { place in
        .init(
          Self.mean(alike.map { $0[place].seconds }), first[place].mark,
          inside: Self.mean(alike.map { $0[place].inside }))
      }
    }
    let firstForward = mean(.firstForward) ?? []
    return IterationTimeline(
      features: mean(.features) ?? [], firstForward: firstForward, forward: mean(.forward),
      backward: mean(.backward) ?? [],
      afterShard: Self.mean(between.shard), afterLast: Self.mean(between.last))
  }

  /// Means over the iterations, by bucket; after `finish` of the reduction.
  var bucketSeconds: [BucketSeconds] {
    let count = Double(max(iterations, 1))
    return work.map { BucketSeconds(sum: $0.sum / count, unpack: $0.unpack / count, update: $0.update / count) }
  }

  /// 0 of nothing.
  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// 0 of nothing.
  static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// A phase's step that says where its passes begin and end.
final class InstrumentedStep: TrainingStep {
  private let step: any TrainingStep
  /// Set when the traffic that it listens to is there.
  var recorder: TimelineRecorder?

  init(_ step: any TrainingStep) { self.step = step }

  var parameters: ParameterVector { step.parameters }
  var statistics: ParameterVector { step.statistics }

  func weightsChange() { step.weightsChange() }

  var hasFrozenPart: Bool { step.hasFrozenPart }

  func prepare() { step.prepare() }

  func frozenForward(_ batch: ShardBatch) {
    guard let recorder else { return step.frozenForward(batch) }
    recorder.features { step.frozenForward(batch) }
  }

  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult {
    guard let recorder else { return step.forward(batch, key: key) }
    return recorder.forward { step.forward(batch, key: key) }
  }

  func backward(_ batch: ShardBatch, gradient: ShardGradient) {
    guard let recorder else { return step.backward(batch, gradient: gradient) }
    recorder.backward { step.backward(batch, gradient: gradient) }
  }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    step.gatherStatistics(batch, into: vector)
  }
}
