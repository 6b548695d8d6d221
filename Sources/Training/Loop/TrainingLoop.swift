// The training of a model from beginning to end: the first file to read. A model's phases run one after another
// (`Models/PhaseSpec.swift`); each iteration goes through the stages of `PhaseTrainer`, then log and checkpoint.
//
// Determinism: the weights after iteration k depend only on the configuration, the data, the initial weights, the seed
// and the instruction set. Three rules ensure it: the example in a slot of a minibatch is a function of the slot's
// number (`Batches`), gradients and losses are added in the tree of shards whichever rank holds them (`Cluster`), and
// the size of no task depends on the number of threads (`Kernels`).
import Batches
import Cluster
import Compute
import Datasets
import Foundation
import Models
import Support

package final class TrainingLoop {
  private let configuration: Configuration
  private let options: TrainingOptions
  private let communicator: Communicator
  private let context: ExecutionContext
  private let run: RunDirectory
  private let model: any Model
  private let data: TrainingData
  private let crops: MaskCropBatches.Crops
  private let coordinator: Coordinator
  private let display: ProgressDisplay
  private let trace: Trace
  private let activity = Activity()
  private let watchdog: Watchdog
  private let rankSummary: RankSummary
  /// The cluster's speed; nil on one rank, where nothing depends on it.
  private let speed: ClusterSpeed?
  private let started: Double
  private var phaseSeconds: [String: Double] = [:]

  /// Reads the data, and initializes or restores the model. Throws alike on all ranks.
  package init(_ configuration: Configuration, _ options: TrainingOptions, _ communicator: Communicator) throws {
    started = MonotonicClock.now
    self.configuration = configuration
    self.options = options
    self.communicator = communicator
    run = RunDirectory(options.output)
    display = ProgressDisplay(logInterval: 60)
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    try StartupChecks.run(configuration, options, communicator, threads: threads, say: display.say)
    try ShardTree(shards: configuration.shards).requireWork(forRanks: communicator.size)
    let workers = WorkerPool(threads: threads)
    context = ExecutionContext(workers: workers, convolution: configuration.convolution)
    speed = communicator.size > 1 ? try ClusterSpeed.measure(communicator, threads: threads) : nil
    if let speed { communicator.window = speed.window }
    data = try communicator.rethrowOnAllRanks { try TrainingData(configuration, workers: workers) }
    try StartupChecks.requireSameLabels(data, communicator)
    let listed = try CropListProvider.read(configuration, data, communicator)
    model = configuration.makeModel()
    model.initialize(configuration.initialization, seed: configuration.seed)
    trace = try Trace(path: options.trace, communicator)
    watchdog = Watchdog(activity, communicator, limit: configuration.stallSeconds)
    rankSummary = try RankSummary(communicator)
    coordinator = try Coordinator(
      configuration, options, run: run, model: model, communicator: communicator, workers: workers, display: display)
    crops =
      coordinator.phases.contains { $0.examples.usesCrops }
      ? try CropListProvider.prepare(
        listed, configuration, data, in: run, communicator: communicator, workers: workers, say: display.say) : .random
    if communicator.rank == 0 {
      display.say(
        "\(configuration.name): \(communicator.size) ranks of \(threads) threads, "
          + "\(configuration.shards) shards of \(configuration.shardSize); \(data.summary)")
    }
  }

  /// Trains the phases that are not done yet; returns the reason why training ended.
  package func train() throws -> ExitReason {
    var reason = ExitReason.finished
    for phase in coordinator.phases where !coordinator.isComplete(phase) {
      let began = MonotonicClock.now
      reason = try train(phase)
      phaseSeconds[phase.name] = MonotonicClock.now - began
      if reason != .finished { break }
    }
    activity.begin("the end of the run")
    sayRankTimes()
    let loss = try coordinator.finish(
      reason, seconds: MonotonicClock.now - started, phaseSeconds: phaseSeconds, threads: context.workers.threads)
    try trace.write()
    if let loss { throw loss }
    return reason
  }

  /// A phase in progress.
  private struct PhaseRun {
    let phase: PhaseSpec
    /// The number of the phase's last iteration.
    let end: Int
    let trainer: PhaseTrainer
    let source: any BatchSource
    let dump: StepDump

    var resources: PhaseResources { trainer.resources }
  }

  /// Runs the remaining iterations of one phase, then gathers its statistics and writes its last checkpoint.
  private func train(_ phase: PhaseSpec) throws -> ExitReason {
    let start = coordinator.iterationsDone(of: phase)
    try coordinator.requireGroups(of: phase)
    let resources = try PhaseResources(
      phase, configuration: configuration, model: model, communicator: communicator, context: context, speed: speed)
    try coordinator.begin(phase, resources.optimizer, resources.reduction.plan.owned)
    let source = data.batches(of: phase, configuration, crops: crops)
    let loader = loader(source, resources.sums.shards, from: start)
    defer { loader.stop() }
    let trainer = PhaseTrainer(
      resources, configuration: configuration, communicator: communicator, trace: trace, activity: activity,
      data: .init(next: loader.next, recycle: loader.recycle))
    context.synchronization = trainer.synchronization
    trainer.faultInjection = options.faultInjection
    watchdog.bucketPlan = resources.reduction.plan
    let current = PhaseRun(
      phase: phase, end: max(configuration.settings(of: phase).iterations, start), trainer: trainer, source: source,
      dump: try StepDump(
        run, iterations: options.recordSteps, phase: phase, model: model, communicator: communicator))
    if start == 0 { try current.dump.recordStart() }

    for iteration in start..<current.end {
      let reason = try iterate(iteration, current)
      // The phase's last checkpoint comes after the statistics, below.
      if iteration + 1 == current.end { break }
      if let reason = try checkpoint(current, iteration + 1, stop: reason) { return reason }
    }

    try resources.reduction.waitForWeights()
    activity.begin("the statistics of the \(phase.name) phase")
    try StatisticsGathering.gather(
      resources.step, from: source, after: current.end, configuration: configuration, communicator: communicator)
    activity.begin("the last checkpoint of the \(phase.name) phase")
    try coordinator.end(phase, current.end)
    return coordinator.reasonToStop ?? .finished
  }

  /// Runs and logs one iteration; returns the reason to stop after it, the same on every rank.
  private func iterate(_ iteration: Int, _ current: PhaseRun) throws -> ExitReason? {
    let (phase, trainer, dump) = (current.phase, current.trainer, current.dump)
    let reduction = current.resources.reduction
    activity.begin("\(phase.name) iteration \(iteration + 1)")
    let faultsBefore = PageFaults.count
    trainer.gradientChecksums =
      coordinator.isVerified(iteration + 1) ? GradientChecksums(reduction.plan.table, current.resources.sums) : nil
    let outcome = try trainer.iterate(
      iteration, continues: iteration + 1 < current.end && !coordinator.stops(after: iteration + 1, of: phase),
      stopRequests: { coordinator.stopRequests(since: started) },
      observe: { if dump.includes(iteration) { dump.add($0) } })
    let verdict = outcome.verdict
    if !verdict.isFinite { try abort(outcome, current, iteration) }
    if dump.includes(iteration) {
      try reduction.waitForWeights()
      try dump.finish(iteration: iteration, loss: verdict.loss)
    }
    let digest = try verify(iteration, current, verdict)
    let (seconds, waiting) = trainer.stopwatch.iteration()
    let rate = current.resources.optimizer.rate
    let metrics = IterationMetrics(
      phase: phase.name, iteration: iteration + 1, loss: verdict.loss, accuracy: verdict.accuracy,
      learningRate: Double("\(rate)") ?? Double(rate),
      examplesPerSecond: Double(configuration.shards * configuration.shardSize) / seconds, seconds: seconds,
      secondsWaiting: waiting, pageFaults: PageFaults.count - faultsBefore,
      ranks: communicator.size > 1 ? RankMetrics(verdict) : nil, digest: digest)
    rankSummary.add(verdict)
    let reason = coordinator.endIteration(metrics, of: phase, iterations: current.end, verdict)
    if configuration.reportEvery > 0, (iteration + 1) % configuration.reportEvery == 0 { sayRankTimes() }
    return reason
  }

  /// Ends the run after an iteration that changed no weight: the iteration before it is there to resume from.
  private func abort(_ outcome: PhaseTrainer.Outcome, _ current: PhaseRun, _ iteration: Int) throws {
    let phase = current.phase
    if iteration > coordinator.iterationsDone(of: phase) { try coordinator.lastCheckpoint(phase, iteration) }
    try communicator.rethrowOnAllRanks { if let failure = outcome.failure { throw failure } }
    throw RunError(
      outcome.verdict, phase: phase.name, iteration: iteration, table: current.resources.reduction.plan.table)
  }

  /// Adds a line to the verification log; returns the chained digest where this iteration has one.
  private func verify(_ iteration: Int, _ current: PhaseRun, _ verdict: IterationVerdict) throws -> String? {
    guard configuration.verifyEvery > 0 else { return nil }
    let isVerified = current.trainer.gradientChecksums != nil
    if isVerified { try current.resources.reduction.waitForWeights() }
    let checksums = try current.trainer.gradientChecksums?.gather(communicator)
    let line = VerificationLine(
      phase: current.phase.name, iteration: iteration + 1, losses: verdict.reports.flatMap(\.results).map { $0[0] },
      hosts: isVerified ? hostsOfShards : [])
    return coordinator.logVerification(line, gradients: checksums) {
      (0..<configuration.shards * configuration.shardSize).map {
        current.source.identity(iteration: iteration, slot: $0)
      }
    }
  }

  /// Writes the checkpoint that is due or that a stop requires; returns the reason to stop here.
  private func checkpoint(_ current: PhaseRun, _ iteration: Int, stop reason: ExitReason?) throws -> ExitReason? {
    guard reason != nil || coordinator.isDue(iteration) else { return nil }
    activity.begin("the checkpoint of \(current.phase.name) iteration \(iteration)")
    try current.resources.reduction.waitForWeights()
    if reason != nil {
      try coordinator.lastCheckpoint(current.phase, iteration)
    } else {
      try coordinator.checkpoint(current.phase, iteration)
    }
    return reason
  }

  /// Loads this rank's shards in the order in which it uses them, from an iteration on.
  private func loader(_ source: any BatchSource, _ shards: Range<Int>, from start: Int) -> BatchLoader {
    let shardSize = configuration.shardSize
    return BatchLoader(
      source, examples: shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes,
      ahead: PhaseResources.shardsAhead(shards), threads: max(context.workers.threads / 4, 1)
    ) { number in
      let (round, place) = number.quotientAndRemainder(dividingBy: shards.count)
      return ShardRequest(iteration: start + round, firstSlot: (shards.lowerBound + place) * shardSize)
    }
  }

  /// For each shard of a minibatch, the rank and host that compute it.
  private var hostsOfShards: [String] {
    let tree = ShardTree(shards: configuration.shards)
    return (0..<communicator.size).flatMap { rank in
      tree.range(of: rank, ranks: communicator.size).map { _ in "rank \(rank) of \(rankSummary.hosts[rank])" }
    }
  }

  private func sayRankTimes() {
    if communicator.rank == 0 { rankSummary.lines.forEach(display.say) }
  }
}

extension RunError {
  /// The error that all ranks throw after an iteration that did not count.
  fileprivate init(_ verdict: IterationVerdict, phase: String, iteration: Int, table: ParameterTable) {
    if let bad = verdict.firstBadLoss {
      self = .notFinite(phase: phase, iteration: iteration + 1, shard: bad.shard, loss: bad.loss)
      return
    }
    let bad = verdict.firstBadGradient ?? (0, 0, 0)
    let parameter = table.parameters.indices.first {
      (table.offsets[$0]..<table.offsets[$0] + table.parameters[$0].count).contains(bad.offset)
    }
    self = .gradientNotFinite(
      phase: phase, iteration: iteration + 1, shard: bad.shard, rank: bad.rank,
      parameter: parameter.map { table.parameters[$0].name } ?? "float \(bad.offset)")
  }
}
