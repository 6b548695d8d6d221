// The training of DecoupledNet from beginning to end (paper section 5): the first file to read.
//
// Phase one trains the classification network on many images with labels; phase two, with it fixed, the bridging layers
// and the segmentation network on a few images with masks. Both go through `train`, whose iteration names every stage
// once: load, forward and backward, sum over shards, update, prepare, log, checkpoint.
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
    try trace.write()
    try coordinator.finish(reason, seconds: Clock.now - started, phaseSeconds: phaseSeconds, threads: workers.threads)
    return reason
  }

  private func train(_ phase: Phase, from start: Int) throws -> ExitReason {
    let end = max(configuration.settings(of: phase).iterations, start)
    if phase == .segmentation { try coordinator.requireClassification() }
    let work = try PhaseWork(phase, configuration, net, communicator, bench)
    let (step, sums, reduction, optimizer) = (work.step, work.sums, work.reduction, work.optimizer)
    let weights = step.parameters.pointer
    try coordinator.begin(phase, optimizer, reduction.slices)
    let source = data.batches(of: phase, configuration, crops: crops)
    let loader = loader(source, from: start)
    defer { loader.stop() }
    let recorder = try StepRecorder(run, iterations: options.recordSteps, phase: phase, net: net, communicator: communicator)
    if start == 0 { try recorder.recordStart() }
    step.prepare()

    for iteration in start..<end {
      let began = Clock.now
      let faultsBefore = PageFaults.count
      let waitedBefore = loader.secondsWaiting + communicator.secondsWaiting

      var results: [[Double]] = []
      var failure: (any Error)?
      for shard in ownShards {
        let batch: ShardBatch
        do { batch = try trace.record("wait for data") { try loader.next() } } catch {
          // A loss that is no number tells all ranks, through the sum that they wait for anyway.
          failure = error
          results += Array(repeating: [.nan, 0, 0], count: ownShards.upperBound - shard)
          break
        }
        let key = DropoutKey(
          seed: configuration.seed, iteration: iteration, firstSlot: shard * configuration.shardSize)
        let result = trace.record("shard \(shard)") { step.run(batch, key: key, gradient: sums.nextGradient()) }
        trace.record("add to the tree") { sums.commit() }
        results.append([result.loss, result.correct, result.decisions])
        if recorder.wants(iteration) { recorder.add(batch) }
        loader.recycle(batch)
      }

      let totals = try trace.record("sum losses") { try communicator.sumOverShards(results, tree: tree) }
      let loss = totals[0] / Double(configuration.shards)
      try requireFinite(loss, results, failure, phase, iteration)

      optimizer.begin(iteration: iteration)
      try trace.record("reduce, update, gather") {
        try reduction.reduce(sums, weights: weights) { range, gradientSum in
          optimizer.update(range, gradientSum: gradientSum, weights: weights)
        }
      }
      trace.record("prepare weights") { step.prepare() }
      if recorder.wants(iteration) { try recorder.finish(iteration: iteration, loss: loss) }

      let seconds = Clock.now - began
      let metrics = IterationMetrics(
        phase: phase.rawValue, iteration: iteration + 1, loss: loss, accuracy: totals[1] / max(totals[2], 1),
        learningRate: Double("\(optimizer.rate)") ?? Double(optimizer.rate),
        examplesPerSecond: Double(configuration.shards * configuration.shardSize) / seconds, seconds: seconds,
        secondsWaiting: loader.secondsWaiting + communicator.secondsWaiting - waitedBefore,
        pageFaults: PageFaults.count - faultsBefore)
      let reason = try coordinator.endIteration(metrics, of: end, since: started)
      // The phase's last checkpoint comes after the statistics, below.
      if iteration + 1 == end { break }
      if reason != nil || coordinator.isDue(iteration + 1) {
        try coordinator.checkpoint(phase, iteration + 1, optimizer, reduction.slices, ended: false)
      }
      if let reason { return reason }
    }

    try gatherStatistics(step, source, after: end)
    try coordinator.checkpoint(phase, end, optimizer, reduction.slices, ended: true)
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

  /// A loss that is no number, or a picture that could not be loaded, stops all ranks at the same iteration, with the
  /// weights as they were before it.
  private func requireFinite(
    _ loss: Double, _ results: [[Double]], _ failure: (any Error)?, _ phase: Phase, _ iteration: Int
  ) throws {
    guard !loss.isFinite else { return }
    try communicator.together { if let failure { throw failure } }
    // Each rank names its first bad shard, or none; ranks hold shards in rank order.
    let own = results.firstIndex { !$0[0].isFinite }.map { Double($0 + ownShards.lowerBound) } ?? -1
    let named = try communicator.allGather([own, own < 0 ? 0 : results[Int(own) - ownShards.lowerBound][0]])
    let first = named.first { $0[0] >= 0 } ?? [0, loss]
    throw RunError.notFinite(
      phase: phase.rawValue, iteration: iteration + 1, shard: Int(first[0]), loss: first[1])
  }
}

/// Monotonic seconds.
enum Clock {
  static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
}
