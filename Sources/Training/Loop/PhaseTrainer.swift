// One iteration of a phase on this rank, every stage in order: load, features, forward, backward (gradients leave layer by
// layer), agree, update (weights leave bucket by bucket). What comes around it, log and checkpoints, is the loop's.
import Batches
import Cluster
import Foundation
import Networks
import Optimizers
import Compute

package final class PhaseTrainer {
  let work: PhaseResources
  package let stopwatch: RankStopwatch
  /// This rank's shards of every minibatch.
  package let ownShards: Range<Int>
  /// A drill for the iterations to come.
  var drill: FaultInjection?
  private let phase: Phase
  private let configuration: Configuration
  private let communicator: Communicator
  private let tree: ShardTree
  private let context: ExecutionContext
  private let trace: Trace
  private let traffic: ReductionHooks
  /// The next batch of this rank's shards, and where one goes that is done with.
  private let nextBatch: () throws -> ShardBatch
  private let recycle: (ShardBatch) -> Void
  /// The next iteration's first shard, whose features are there already.
  private var ahead: Result<ShardBatch, any Error>?

  /// How an iteration went on this rank and on all.
  package struct Outcome {
    package let verdict: IterationVerdict
    /// Why this rank had no data.
    let failure: (any Error)?
  }

  package init(
    _ work: PhaseResources, _ phase: Phase, _ configuration: Configuration, _ communicator: Communicator, _ context: ExecutionContext,
    _ trace: Trace, _ activity: Activity, nextBatch: @escaping () throws -> ShardBatch,
    recycle: @escaping (ShardBatch) -> Void
  ) {
    (self.work, self.phase, self.configuration, self.communicator) = (work, phase, configuration, communicator)
    (self.context, self.trace, self.nextBatch, self.recycle) = (context, trace, nextBatch, recycle)
    tree = ShardTree(shards: configuration.shards)
    ownShards = work.sums.shards
    stopwatch = RankStopwatch(communicator)
    traffic = ReductionHooks(work.reduction, trace, activity)
    context.traffic = traffic
  }

  /// Has the words of this iteration's gradients taken, for `dnet verify`; nil for an iteration that is not looked at.
  var gradientChecksums: GradientChecksums? {
    get { traffic.words }
    set { traffic.words = newValue }
  }

  /// Runs one iteration, counted from 0. When it returns and the verdict is sound, new weights are on their way to where the
  /// next one needs them; `work.reduction.waitForWeights()` waits for all.
  ///
  /// - Parameters:
  ///   - goesOn: whether another iteration follows for all that is known now.
  ///   - wishes: this rank's wish to stop.
  ///   - seen: hears of each batch before it is given back.
  package func iterate(
    _ iteration: Int, goesOn: Bool, wishes: () -> (signalled: Bool, late: Bool), seen: (ShardBatch) -> Void = { _ in }
  ) throws -> Outcome {
    let (step, sums, reduction) = (work.step, work.sums, work.reduction)
    var report = IterationReport()
    var failure: (any Error)?
    practise(iteration)

    for shard in ownShards {
      do {
        let batch = try ahead?.get() ?? load()
        let key = DropoutKey(seed: configuration.seed, iteration: iteration, firstSlot: shard * configuration.shardSize)
        let result = trace.record("shard \(shard) forward") {
          if ahead == nil { step.features(batch) }
          return step.forward(batch, key: key)
        }
        ahead = nil
        // All weights of the iteration before have arrived: the forward pass has waited for each.
        if shard == ownShards.lowerBound { try reduction.begin() }
        trace.record("shard \(shard) backward") { step.backward(batch, gradient: sums.currentGradient) }
        sums.commit()
        report.results.append([result.loss, result.correct, result.decisions])
        seen(batch)
        recycle(batch)
      } catch {
        // The others learn it from this rank's report, and get what they wait for until then.
        failure = error
        report.lacksData = true
        if shard == ownShards.lowerBound { try reduction.begin() }
        reduction.abandonShards()
        report.results += Array(repeating: [.nan, 0, 0], count: ownShards.upperBound - shard)
        break
      }
    }

    report.nonFinite = sums.nonFinite
    (report.signalled, report.late) = wishes()
    report.times = stopwatch.lap()
    reduction.submitReport(report.encoded(shards: tree.range(of: 0, ranks: communicator.size).count))

    var agreed: Result<IterationVerdict, any Error>?
    func agree() { agreed = Result { try self.agree(iteration) } }
    // Phase two's fixed network goes ahead with the next minibatch while gradients and weights of this one travel.
    if goesOn, phase == .segmentation, communicator.size > 1 {
      traffic.whenAgreed = agree
      ahead = Result { try load() }
      if case .success(let batch) = ahead { trace.record("next features") { step.features(batch) } }
      traffic.whenAgreed = nil
    }
    if agreed == nil { agree() }
    let verdict = try agreed!.get()
    if !verdict.isSound { try reduction.abort() }
    return Outcome(verdict: verdict, failure: failure)
  }

  /// All ranks' words, and what follows from them for the weights: the same on every rank.
  private func agree(_ iteration: Int) throws -> IterationVerdict {
    let (words, lateness) = try trace.record("wait for all ranks' reports") { try work.reduction.agreement() }
    let verdict = IterationVerdict(words, lateness: lateness, tree: tree)
    if verdict.isSound {
      work.optimizer.begin(iteration: iteration)
      work.reduction.applyUpdates()
      work.step.weightsChange()
    }
    return verdict
  }

  private func load() throws -> ShardBatch {
    try stopwatch.data { try trace.record("wait for data") { try nextBatch() } }
  }

  /// Does on purpose what a faulty node does by chance.
  private func practise(_ iteration: Int) {
    guard let drill, drill.rank == communicator.rank, drill.iteration == iteration + 1 else { return }
    switch drill.fault {
    case .kill: kill(getpid(), SIGKILL)
    case .stop: kill(getpid(), SIGSTOP)
    case .nan: traffic.spoil = { [sums = work.sums] offset in sums.currentGradient.stored[offset] = .nan }
    case .flip:
      traffic.spoil = { [sums = work.sums] offset in
        let value = sums.currentGradient.stored + offset
        value.pointee = Float(bitPattern: value.pointee.bitPattern ^ 1 << 10)
      }
    }
  }
}
