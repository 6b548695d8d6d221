// One iteration of a phase on this rank, stage by stage: load, frozen forward, forward, backward (gradients leave layer
// by layer), agreement, update (weights leave bucket by bucket). `TrainingLoop` adds logs and checkpoints around it.
import Batches
import Cluster
import Compute
import Foundation
import Layers
import Models

package final class PhaseTrainer {
  let resources: PhaseResources
  package let stopwatch: RankStopwatch
  /// This rank's shards of every minibatch.
  package let ownShards: Range<Int>
  /// A fault to cause in one of the iterations to come.
  var faultInjection: FaultInjection?
  private let configuration: Configuration
  private let communicator: Communicator
  private let tree: ShardTree
  private let trace: Trace
  private let hooks: ReductionHooks
  private let data: ShardStream
  /// The first shard of the next iteration, whose frozen forward pass has been computed already.
  private var prefetched: Result<ShardBatch, any Error>?

  /// The batches of this rank's shards in order, and the place for those that are no longer needed.
  package struct ShardStream {
    let next: () throws -> ShardBatch
    let recycle: (ShardBatch) -> Void

    package init(next: @escaping () throws -> ShardBatch, recycle: @escaping (ShardBatch) -> Void) {
      self.next = next
      self.recycle = recycle
    }
  }

  /// The result of one iteration on this rank and on all.
  package struct Outcome {
    package let verdict: IterationVerdict
    /// The error that kept this rank from its data.
    let failure: (any Error)?
  }

  package init(
    _ resources: PhaseResources, configuration: Configuration, communicator: Communicator, trace: Trace,
    activity: Activity, data: ShardStream
  ) {
    self.resources = resources
    self.configuration = configuration
    self.communicator = communicator
    self.trace = trace
    self.data = data
    tree = ShardTree(shards: configuration.shards)
    ownShards = resources.sums.shards
    stopwatch = RankStopwatch(communicator)
    hooks = ReductionHooks(resources.reduction, trace, activity)
  }

  /// The value that `ExecutionContext.synchronization` of the step must have while iterations run.
  package var synchronization: any ParameterSynchronization { hooks }

  /// Takes checksums of the gradients of the iterations to come, for `dnet verify`; nil takes none.
  var gradientChecksums: GradientChecksums? {
    get { hooks.checksums }
    set { hooks.checksums = newValue }
  }

  /// Runs one iteration, counted from 0. When it returns and the verdict is finite, new weights are on their way to
  /// where the next iteration needs them; `resources.reduction.waitForWeights()` waits for all of them.
  ///
  /// - Parameters:
  ///   - continues: another iteration follows as far as is known now.
  ///   - stopRequests: this rank's reasons to stop, asked when its shards are done.
  ///   - observe: called with each batch before it is recycled.
  package func iterate(
    _ iteration: Int, continues: Bool, stopRequests: () -> StopRequests, observe: (ShardBatch) -> Void = { _ in }
  ) throws -> Outcome {
    let (step, sums, reduction) = (resources.step, resources.sums, resources.reduction)
    var report = IterationReport()
    var failure: (any Error)?
    injectFault(iteration)

    for shard in ownShards {
      do {
        let batch = try prefetched?.get() ?? load()
        let key = DropoutKey(seed: configuration.seed, iteration: iteration, firstSlot: shard * configuration.shardSize)
        let result = trace.record("shard \(shard) forward") {
          if prefetched == nil { step.frozenForward(batch) }
          return step.forward(batch, key: key)
        }
        prefetched = nil
        // All weights of the last update have arrived: the forward pass has waited for each.
        if shard == ownShards.lowerBound { try reduction.begin() }
        trace.record("shard \(shard) backward") { step.backward(batch, gradient: sums.beginShard()) }
        sums.commit()
        report.results.append([result.loss, result.correct, result.decisions])
        observe(batch)
        data.recycle(batch)
      } catch {
        // This rank's report contains the failure. Until then the other ranks receive the messages they wait for.
        failure = error
        report.lacksData = true
        if shard == ownShards.lowerBound { try reduction.begin() }
        reduction.abandonShards()
        report.results += Array(repeating: [.nan, 0, 0], count: ownShards.upperBound - shard)
        break
      }
    }

    report.nonFinite = sums.nonFinite
    report.stopRequests = stopRequests()
    report.times = stopwatch.lap()
    reduction.submitReport(report.encoded(shards: tree.range(of: 0, ranks: communicator.size).count))

    var agreed: Result<IterationVerdict, any Error>?
    func agree() { agreed = Result { try self.agree(iteration) } }
    // Networks that the phase leaves fixed run on the next minibatch while gradients and weights of this one travel.
    if continues, resources.phase.hasFrozenPart, communicator.size > 1 {
      hooks.whenAgreed = agree
      prefetched = Result { try load() }
      if case .success(let batch) = prefetched { trace.record("next frozen forward") { step.frozenForward(batch) } }
      hooks.whenAgreed = nil
    }
    if agreed == nil { agree() }
    let verdict = try agreed!.get()
    if !verdict.isFinite { try reduction.abort() }
    return Outcome(verdict: verdict, failure: failure)
  }

  /// Waits for the reports of all ranks, and applies the update where the verdict allows it. The verdict is the same on
  /// every rank.
  private func agree(_ iteration: Int) throws -> IterationVerdict {
    let (reports, lateness) = try trace.record("wait for all ranks' reports") { try resources.reduction.agreement() }
    let verdict = IterationVerdict(reports, lateness: lateness, tree: tree)
    if verdict.isFinite {
      resources.optimizer.begin(iteration: iteration)
      resources.reduction.applyUpdates()
      resources.step.weightsChange()
    }
    return verdict
  }

  private func load() throws -> ShardBatch {
    try stopwatch.data { try trace.record("wait for data") { try data.next() } }
  }

  /// Injects the configured fault if it belongs to this rank and iteration.
  private func injectFault(_ iteration: Int) {
    guard let fault = faultInjection, fault.rank == communicator.rank, fault.iteration == iteration + 1 else { return }
    switch fault.fault {
    case .kill: kill(getpid(), SIGKILL)
    case .stop: kill(getpid(), SIGSTOP)
    case .nan: hooks.corrupt = { [sums = resources.sums] offset in sums.currentGradient.stored[offset] = .nan }
    case .flip:
      hooks.corrupt = { [sums = resources.sums] offset in
        let value = sums.currentGradient.stored + offset
        value.pointee = Float(bitPattern: value.pointee.bitPattern ^ 1 << 10)
      }
    }
  }
}
