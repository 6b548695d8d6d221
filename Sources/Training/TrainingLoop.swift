// The training of DecoupledNet from beginning to end (paper section 5): the first file to read.
//
// Phase one trains the classification network on many images with labels; phase two, with it fixed, the bridging layers
// and the segmentation network on a few images with masks. Both go through `train`, whose iteration names every stage
// once: load, features, forward, backward (gradients leave layer by layer), agree, update (weights leave bucket by bucket),
// log, checkpoint.
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
import Tensors
import Workers

package final class TrainingLoop {
  private let configuration: Configuration
  private let options: TrainingOptions
  private let communicator: Communicator
  private let workers: WorkerPool
  private let bench: Workbench
  private let run: RunDirectory
  private let net: DecoupledNet
  private let data: TrainingData
  private let crops: StrongBatches.Crops
  private let tree: ShardTree
  /// This rank's shards of every minibatch.
  private let ownShards: Range<Int>
  private let coordinator: Coordinator
  private let display: ProgressDisplay
  private let trace: Trace
  private let activity = Activity()
  private let watchdog: Watchdog
  private let rankSummary: RankSummary
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
    tree = ShardTree(shards: configuration.shards)
    try tree.requireWork(forRanks: communicator.size)
    ownShards = tree.range(of: communicator.rank, ranks: communicator.size)
    let pool = WorkerPool(threads: threads)
    workers = pool
    bench = Workbench(workers: pool, convolution: configuration.convolution)
    data = try communicator.together { try TrainingData(configuration, workers: pool) }
    try StartupChecks.requireSameLabels(data, communicator)
    let listed = try StrongCrops.read(configuration, data, communicator)
    net = DecoupledNet(configuration.shape, scoreMultiplier: configuration.scoreRateMultiplier)
    net.initialize(configuration.initialization, seed: configuration.seed)
    trace = try Trace(path: options.trace, communicator)
    watchdog = Watchdog(activity, communicator, limit: configuration.stallSeconds)
    rankSummary = RankSummary(try communicator.allGather(Array(communicator.nodeName.utf8.prefix(64)) + Array(repeating: 0, count: max(64 - communicator.nodeName.utf8.count, 0))))
    coordinator = try Coordinator(configuration, options, run, net, communicator, display)
    crops =
      options.phases.contains(.segmentation)
      ? try StrongCrops.settle(listed, configuration, data, run, communicator, workers: pool, say: display.say) : .random
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
    try trace.write()
    try coordinator.finish(reason, seconds: Clock.now - started, phaseSeconds: phaseSeconds, threads: workers.threads)
    return reason
  }

  private func train(_ phase: Phase, from start: Int) throws -> ExitReason {
    let end = max(configuration.settings(of: phase).iterations, start)
    if phase == .segmentation { try coordinator.requireClassification() }
    let work = try PhaseWork(phase, configuration, net, communicator, bench)
    let (step, sums, reduction, optimizer) = (work.step, work.sums, work.reduction, work.optimizer)
    let owned = reduction.plan.owned
    let longest = tree.range(of: 0, ranks: communicator.size).count
    try coordinator.begin(phase, optimizer, owned)
    let source = data.batches(of: phase, configuration, crops: crops)
    let loader = loader(source, from: start)
    defer { loader.stop() }
    let recorder = try StepRecorder(run, iterations: options.recordSteps, phase: phase, net: net, communicator: communicator)
    if start == 0 { try recorder.recordStart() }
    let traffic = GradientTraffic(reduction, trace, activity)
    bench.traffic = traffic
    watchdog.knows(reduction.plan)
    defer { bench.traffic = nil }
    let stopwatch = RankStopwatch(communicator)
    /// The next iteration's first shard, whose features are there already.
    var ahead: Result<ShardBatch, any Error>?

    func nextBatch() throws -> ShardBatch { try stopwatch.data { try trace.record("wait for data") { try loader.next() } } }

    for iteration in start..<end {
      activity.begin("\(phase.rawValue) iteration \(iteration + 1)")
      let faultsBefore = PageFaults.count
      var report = IterationReport()
      var failure: (any Error)?
      drill(iteration, sums, traffic)

      for shard in ownShards {
        do {
          let batch = try ahead?.get() ?? nextBatch()
          let key = DropoutKey(seed: configuration.seed, iteration: iteration, firstSlot: shard * configuration.shardSize)
          let result = trace.record("shard \(shard) forward") {
            if ahead == nil { step.features(batch) }
            return step.forward(batch, key: key)
          }
          ahead = nil
          // All weights of the iteration before have arrived: the forward pass has waited for each.
          if shard == ownShards.lowerBound { try reduction.begin() }
          trace.record("shard \(shard) backward") { step.backward(batch, gradient: sums.nextGradient()) }
          sums.commit()
          report.results.append([result.loss, result.correct, result.decisions])
          if recorder.wants(iteration) { recorder.add(batch) }
          loader.recycle(batch)
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

      report.unsound = sums.unsound
      (report.signalled, report.late) = coordinator.wishes(since: started)
      report.times = stopwatch.lap()
      reduction.close(report.encoded(shards: longest))

      /// All ranks' words, and what follows from them for the weights: the same on every rank.
      var agreed: Result<IterationVerdict, any Error>?
      func agree() {
        agreed = Result {
          let (words, lateness) = try trace.record("wait for all ranks' reports") { try reduction.agreement() }
          let verdict = IterationVerdict(words, lateness: lateness, tree: tree)
          if verdict.isSound {
            optimizer.begin(iteration: iteration)
            reduction.open()
            step.weightsChange()
          }
          return verdict
        }
      }
      // Phase two's fixed network goes ahead with the next minibatch while gradients and weights of this one travel.
      if phase == .segmentation, communicator.size > 1, iteration + 1 < end, !coordinator.stops(after: iteration + 1, of: phase) {
        traffic.whenAgreed = agree
        ahead = Result { try nextBatch() }
        if case .success(let batch) = ahead { trace.record("next features") { step.features(batch) } }
        traffic.whenAgreed = nil
      }
      if agreed == nil { agree() }
      let verdict = try agreed!.get()
      if !verdict.isSound {
        try reduction.discard()
        if iteration > start { try coordinator.checkpoint(phase, iteration, optimizer, owned, ended: false) }
        try coordinator.waitForWriter()
        try communicator.together { if let failure { throw failure } }
        throw unsoundness(verdict, phase, iteration, reduction.plan.table)
      }
      if recorder.wants(iteration) {
        try reduction.finish()
        try recorder.finish(iteration: iteration, loss: verdict.loss)
      }

      let (seconds, waiting) = stopwatch.iteration()
      let metrics = IterationMetrics(
        phase: phase.rawValue, iteration: iteration + 1, loss: verdict.loss, accuracy: verdict.accuracy,
        learningRate: Double("\(optimizer.rate)") ?? Double(optimizer.rate),
        examplesPerSecond: Double(configuration.shards * configuration.shardSize) / seconds, seconds: seconds,
        secondsWaiting: waiting, pageFaults: PageFaults.count - faultsBefore,
        ranks: communicator.size > 1 ? RankMetrics(verdict) : nil)
      rankSummary.add(verdict)
      let reason = coordinator.endIteration(metrics, of: end, verdict)
      if configuration.reportEvery > 0, (iteration + 1) % configuration.reportEvery == 0 { sayRankTimes() }
      // The phase's last checkpoint comes after the statistics, below.
      if iteration + 1 == end { break }
      if reason != nil || coordinator.isDue(iteration + 1) {
        activity.begin("the checkpoint of \(phase.rawValue) iteration \(iteration + 1)")
        try reduction.finish()
        try coordinator.checkpoint(phase, iteration + 1, optimizer, owned, ended: false)
      }
      if let reason { return reason }
    }

    try reduction.finish()
    activity.begin("the statistics of the \(phase.rawValue) phase")
    try gatherStatistics(step, source, after: end)
    activity.begin("the last checkpoint of the \(phase.rawValue) phase")
    try coordinator.checkpoint(phase, end, optimizer, owned, ended: true)
    return coordinator.reasonToStop ?? .finished
  }

  /// Shards in the order in which this rank uses them, from an iteration on.
  private func loader(_ source: any BatchSource, from start: Int) -> BatchLoader {
    let (shards, shardSize) = (ownShards, configuration.shardSize)
    return BatchLoader(
      source, examples: shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes,
      ahead: PhaseWork.shardsAhead(shards), threads: max(workers.threads / 4, 1)
    ) { number in
      let (round, place) = number.quotientAndRemainder(dividingBy: shards.count)
      return ShardRequest(iteration: start + round, firstSlot: (shards.lowerBound + place) * shardSize)
    }
  }

  /// Batch-norm means and biased variances, averaged over `statistics.shards` shards of training examples with the final
  /// weights (reference-facts section 2, "Folding": 101 passes, plain averages). The walk over the data goes on where
  /// training stopped; the shards are dealt to ranks and summed as those of a minibatch are.
  private func gatherStatistics(_ step: any PhaseStep, _ source: any BatchSource, after iterations: Int) throws {
    let vector = step.statistics
    guard vector.table.vectorCount > 0 else { return }
    let tree = ShardTree(shards: configuration.statisticsShards)
    let own = tree.rangeOrNone(of: communicator.rank, ranks: communicator.size)
    let batch = ShardBatch(
      examples: configuration.shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes)
    var gathered: [[Float]] = []
    try communicator.together {
      for shard in own {
        let (round, place) = shard.quotientAndRemainder(dividingBy: configuration.shards)
        for example in 0..<configuration.shardSize {
          try source.fill(
            batch, example: example, iteration: iterations + round, slot: place * configuration.shardSize + example)
        }
        step.gatherStatistics(batch, into: vector)
        gathered.append(Array(vector.memory.buffer))
      }
    }
    let sums = try communicator.sumOverShards(gathered, tree: tree, count: vector.table.vectorCount)
    for index in 0..<vector.table.vectorCount {
      vector.pointer[index] = Float(sums[index] / Double(tree.shards))
    }
  }

  private func sayRankTimes() {
    if communicator.rank == 0 { rankSummary.lines.forEach(display.say) }
  }

  /// What all ranks throw of an iteration that did not count.
  private func unsoundness(_ verdict: IterationVerdict, _ phase: Phase, _ iteration: Int, _ table: ParameterTable) -> RunError {
    if let bad = verdict.firstBadLoss {
      return .notFinite(phase: phase.rawValue, iteration: iteration + 1, shard: bad.shard, loss: bad.loss)
    }
    let bad = verdict.firstBadGradient ?? (0, 0, 0)
    let parameter = table.parameters.indices.last { table.offsets[$0] <= bad.offset && bad.offset < table.offsets[$0] + table.parameters[$0].count }
    return .gradientNotFinite(
      phase: phase.rawValue, iteration: iteration + 1, shard: bad.shard, rank: bad.rank,
      parameter: parameter.map { table.parameters[$0].name } ?? "float \(bad.offset)")
  }

  /// `--drill`: does on purpose what a faulty node does by chance.
  private func drill(_ iteration: Int, _ sums: PartialSums, _ traffic: GradientTraffic) {
    guard let drill = options.drill, drill.rank == communicator.rank, drill.iteration == iteration + 1 else { return }
    switch drill.fault {
    case .kill: kill(getpid(), SIGKILL)
    case .stop: kill(getpid(), SIGSTOP)
    case .nan: traffic.spoil = { offset in sums.nextGradient().stored[offset] = .nan }
    }
  }
}

/// Monotonic seconds.
enum Clock {
  static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
}
