// The training of DecoupledNet from beginning to end (paper section 5): the first file to read.
//
// Phase one trains the classification network on many images with labels; phase two, with it fixed, the bridging layers
// and the segmentation network on a few images with masks. Both go through `train`, whose iteration names every stage
// once: `PhaseTrainer.iterate` (load, features, forward, backward, agree, update), log, checkpoint.
//
// The one law: the weights after iteration k depend on configuration, data, seed and instruction set alone. Here it
// rests on three things: what a slot of a minibatch holds is a function of its number (`Batches`), gradients and losses
// are added in the tree of shards whoever holds them (`Cluster`), and no task's size depends on the threads (`Kernels`).
import Batches
import Cluster
import Datasets
import Foundation
import Networks
import Optimizers
import Compute

package final class TrainingLoop {
  private let configuration: Configuration
  private let options: TrainingOptions
  private let communicator: Communicator
  private let workers: WorkerPool
  private let context: ExecutionContext
  private let run: RunDirectory
  private let net: DecoupledNet
  private let data: TrainingData
  private let crops: StrongBatches.Crops
  private let coordinator: Coordinator
  private let display: ProgressDisplay
  private let trace: Trace
  private let activity = Activity()
  private let watchdog: Watchdog
  private let rankSummary: RankSummary
  /// Of this cluster; nil where nothing hangs on it.
  private let speed: FactorChoice.Speed?
  private let started: Double
  private var phaseSeconds: [String: Double] = [:]

  /// Reads the data, initialises or restores the network. Throws alike on all ranks.
  package init(_ configuration: Configuration, _ options: TrainingOptions, _ communicator: Communicator) throws {
    started = Clock.now
    self.configuration = configuration
    self.options = options
    self.communicator = communicator
    run = RunDirectory(options.output)
    display = ProgressDisplay(ranks: communicator.size)
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    try StartupChecks.run(configuration, options, communicator, threads: threads, say: display.say)
    try ShardTree(shards: configuration.shards).requireWork(forRanks: communicator.size)
    let pool = WorkerPool(threads: threads)
    workers = pool
    speed = communicator.size > 1 ? try FactorChoice.Speed.measure(communicator, threads: threads) : nil
    context = ExecutionContext(workers: pool, convolution: configuration.convolution)
    data = try communicator.rethrowOnAllRanks { try TrainingData(configuration, workers: pool) }
    try StartupChecks.requireSameLabels(data, communicator)
    let listed = try CropListProvider.read(configuration, data, communicator)
    net = DecoupledNet(configuration.shape, scoreMultiplier: configuration.scoreRateMultiplier)
    net.initialize(configuration.initialization, seed: configuration.seed)
    trace = try Trace(path: options.trace, communicator)
    watchdog = Watchdog(activity, communicator, limit: configuration.stallSeconds)
    rankSummary = try RankSummary(communicator)
    coordinator = try Coordinator(configuration, options, run, net, communicator, pool, display)
    crops =
      options.phases.contains(.segmentation)
      ? try CropListProvider.prepare(
        listed, configuration, data, in: run, communicator: communicator, workers: pool, say: display.say)
      : .random
    if communicator.rank == 0 {
      display.say(
        "\(configuration.name): \(communicator.size) ranks of \(threads) threads, "
          + "\(configuration.shards) shards of \(configuration.shardSize); \(data.summary)")
    }
  }

  /// Trains what is still to be trained; returns why it ended.
  package func train() throws -> ExitReason {
    var reason = ExitReason.finished
    for phase in options.phases {
      let start = coordinator.iterationsDone(of: phase)
      let phaseStart = Clock.now
      if start < configuration.settings(of: phase).iterations || !coordinator.hasEnded(phase) {
        reason = try train(phase, from: start)
        phaseSeconds[phase.rawValue] = Clock.now - phaseStart
      }
      if reason != .finished { break }
    }
    activity.begin("the end of the run")
    sayRankTimes()
    let loss = try coordinator.finish(
      reason, seconds: Clock.now - started, phaseSeconds: phaseSeconds, threads: workers.threads)
    try trace.write()
    if let loss { throw loss }
    return reason
  }

  private func train(_ phase: Phase, from start: Int) throws -> ExitReason {
    let end = max(configuration.settings(of: phase).iterations, start)
    if phase == .segmentation { try coordinator.requireClassification() }
    let work = try PhaseResources(phase, configuration, net, communicator, context, speed: speed)
    let (reduction, optimizer) = (work.reduction, work.optimizer)
    let owned = reduction.plan.owned
    try coordinator.begin(phase, optimizer, owned)
    let source = data.batches(of: phase, configuration, crops: crops)
    let loader = loader(source, work.sums.shards, from: start)
    defer { loader.stop() }
    let recorder = try StepDump(
      run, iterations: options.recordSteps, phase: phase, net: net, communicator: communicator)
    if start == 0 { try recorder.recordStart() }
    let runner = PhaseTrainer(
      work, phase, configuration, communicator, context, trace, activity, nextBatch: loader.next, recycle: loader.recycle)
    runner.drill = options.drill
    watchdog.knows(reduction.plan)

    for iteration in start..<end {
      activity.begin("\(phase.rawValue) iteration \(iteration + 1)")
      let faultsBefore = PageFaults.count
      let isVerified = coordinator.isVerified(iteration + 1)
      runner.gradientChecksums = isVerified ? GradientChecksums(reduction.plan.table, work.sums) : nil
      let goesOn = iteration + 1 < end && !coordinator.stops(after: iteration + 1, of: phase)
      let outcome = try runner.iterate(iteration, goesOn: goesOn, wishes: { coordinator.wishes(since: started) }) {
        batch in
        if recorder.wants(iteration) { recorder.add(batch) }
      }
      let verdict = outcome.verdict
      if !verdict.isSound {
        // No weight has changed: the iteration before is there to go on from.
        if iteration > start { try coordinator.lastCheckpoint(phase, iteration) }
        try communicator.rethrowOnAllRanks { if let failure = outcome.failure { throw failure } }
        throw RunError(verdict, phase, iteration, reduction.plan.table)
      }
      if recorder.wants(iteration) {
        try reduction.finish()
        try recorder.finish(iteration: iteration, loss: verdict.loss)
      }

      var digest: String?
      if configuration.verifyEvery > 0 {
        if isVerified { try reduction.finish() }
        let words = try runner.gradientChecksums?.gather(communicator)
        digest = coordinator.logVerification(
          VerificationLine(
            phase: phase.rawValue, iteration: iteration + 1, losses: verdict.reports.flatMap(\.results).map { $0[0] },
            hosts: isVerified ? hostsOfShards : []), gradients: words
        ) {
          (0..<configuration.shards * configuration.shardSize).map { source.identity(iteration: iteration, slot: $0) }
        }
      }
      let (seconds, waiting) = runner.stopwatch.iteration()
      let metrics = IterationMetrics(
        phase: phase.rawValue, iteration: iteration + 1, loss: verdict.loss, accuracy: verdict.accuracy,
        learningRate: Double("\(optimizer.rate)") ?? Double(optimizer.rate),
        examplesPerSecond: Double(configuration.shards * configuration.shardSize) / seconds, seconds: seconds,
        secondsWaiting: waiting, pageFaults: PageFaults.count - faultsBefore,
        ranks: communicator.size > 1 ? RankMetrics(verdict) : nil, digest: digest)
      rankSummary.add(verdict)
      let reason = coordinator.endIteration(metrics, of: end, verdict)
      if configuration.reportEvery > 0, (iteration + 1) % configuration.reportEvery == 0 { sayRankTimes() }
      // The phase's last checkpoint comes after the statistics, below.
      if iteration + 1 == end { break }
      if reason != nil || coordinator.isDue(iteration + 1) {
        activity.begin("the checkpoint of \(phase.rawValue) iteration \(iteration + 1)")
        try reduction.finish()
        if let reason {
          try coordinator.lastCheckpoint(phase, iteration + 1)
          return reason
        }
        try coordinator.checkpoint(phase, iteration + 1)
      }
    }

    try reduction.finish()
    activity.begin("the statistics of the \(phase.rawValue) phase")
    try StatisticsGathering.gather(work.step, source, after: end, configuration, communicator)
    activity.begin("the last checkpoint of the \(phase.rawValue) phase")
    try coordinator.end(phase, end)
    return coordinator.reasonToStop ?? .finished
  }

  /// Shards in the order in which this rank uses them, from an iteration on.
  private func loader(_ source: any BatchSource, _ shards: Range<Int>, from start: Int) -> BatchLoader {
    let shardSize = configuration.shardSize
    return BatchLoader(
      source, examples: shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes,
      ahead: PhaseResources.shardsAhead(shards), threads: max(workers.threads / 4, 1)
    ) { number in
      let (round, place) = number.quotientAndRemainder(dividingBy: shards.count)
      return ShardRequest(iteration: start + round, firstSlot: (shards.lowerBound + place) * shardSize)
    }
  }

  /// Where each shard of a minibatch is computed.
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
  /// What all ranks throw of an iteration that did not count.
  fileprivate init(_ verdict: IterationVerdict, _ phase: Phase, _ iteration: Int, _ table: ParameterTable) {
    if let bad = verdict.firstBadLoss {
      self = .notFinite(phase: phase.rawValue, iteration: iteration + 1, shard: bad.shard, loss: bad.loss)
      return
    }
    let bad = verdict.firstBadGradient ?? (0, 0, 0)
    let parameter = table.parameters.indices.first {
      (table.offsets[$0]..<table.offsets[$0] + table.parameters[$0].count).contains(bad.offset)
    }
    self = .gradientNotFinite(
      phase: phase.rawValue, iteration: iteration + 1, shard: bad.shard, rank: bad.rank,
      parameter: parameter.map { table.parameters[$0].name } ?? "float \(bad.offset)")
  }
}

/// Monotonic seconds.
enum Clock {
  static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
}
