// `dnet bench --scaling`: iterations of training on random pictures, run as the trainer runs them (`PhaseTrainer`), with all
// ranks' times and bytes; and what the model makes of them for other clusters. No data set, no checkpoints.
import Batches
import Cluster
import Foundation
import Networks
import Randomness
import Compute

package struct ScalingOptions: Sendable {
  package var configuration: Configuration
  package var phases: [Phase]
  /// Measured, after three that are not.
  package var iterations: Int
  package var trace: String?
  /// Nodes and Gbit/s to predict; none for no prediction.
  package var nodes: [Int] = []
  package var gigabits: [Double] = []

  /// - Parameters:
  ///   - isWeak: `shards` are those of one rank, not of all.
  ///   - settings: further `key=value` of the configuration, such as cluster.bucketMegabytes=4.
  package init(
    width: Double, size: Int, batchNormalization: Bool, threads: Int, shards: Int, shardSize: Int, phases: [Phase],
    iterations: Int, isWeak: Bool, ranks: Int, settings: [String]
  ) throws {
    // Weights stay what they are, so that no step meets numbers that training would not.
    let own = [
      "data.root=none", "network.width=\(width)", "network.inputSize=\(size)",
      "network.batchNormalization=\(batchNormalization)",
      "network.initialization=he", "threads=\(threads)", "minibatch.shards=\(isWeak ? shards * ranks : shards)",
      "minibatch.shardSize=\(shardSize)", "classification.learningRate.base=1e-9",
      "segmentation.learningRate.base=1e-9",
    ]
    configuration = try Configuration(yaml: "{}", settings: own + settings)
    (self.phases, self.iterations) = (phases, iterations)
  }
}

package enum ScalingBenchmark {
  /// Collective; the report is rank 0's.
  package static func run(_ options: ScalingOptions, _ communicator: Communicator, peakMemory: () -> Int) throws
    -> ScalingReport
  {
    let configuration = options.configuration
    try ShardTree(shards: configuration.shards).requireWork(forRanks: communicator.size)
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    let speed = try FactorChoice.Speed.measure(communicator, threads: threads)
    let link = try LinkFigures.measure(communicator, threads: threads, estimate: speed.bandwidth)
    let trace = try Trace(path: options.trace, communicator)
    var report = ScalingReport(configuration, communicator, threads: threads, link: link)
    for phase in options.phases {
      try report.phases.append(
        measure(phase, options, communicator, threads: threads, link: link, speed: speed, trace, peakMemory))
    }
    try trace.write()
    return report
  }

  private static func measure(
    _ phase: Phase, _ options: ScalingOptions, _ communicator: Communicator, threads: Int, link: LinkFigures,
    speed: FactorChoice.Speed, _ trace: Trace, _ peakMemory: () -> Int
  ) throws -> ScalingReport.PhaseFigures {
    let configuration = options.configuration
    let context = ExecutionContext(workers: WorkerPool(threads: threads), convolution: configuration.convolution)
    let net = DecoupledNet(configuration.shape, scoreMultiplier: configuration.scoreRateMultiplier)
    net.initialize(configuration.initialization, seed: configuration.seed)
    var recorded: InstrumentedStep?
    let work = try PhaseResources(phase, configuration, net, communicator, context, speed: speed) { step in
      recorded = InstrumentedStep(step)
      return recorded!
    }
    let batch = batch(configuration)
    let runner = PhaseTrainer(
      work, phase, configuration, communicator, context, trace, Activity(), nextBatch: { batch }, recycle: { _ in })
    let recorder = TimelineRecorder(context.traffic!, communicator, work.reduction, ownShards: runner.ownShards.count)
    context.traffic = recorder
    recorded!.recorder = recorder

    var seconds: [Double] = []
    var times: [[RankTimes]] = []
    var sent = communicator.bytesSent
    // The iteration after `finish` has nothing to wait for in its forward pass: its bytes count, its seconds do not.
    let warmUp = 2
    for iteration in 0..<warmUp + 1 + options.iterations {
      if iteration == warmUp {
        try work.reduction.finish()
        try communicator.barrier()
        (_, _) = (runner.stopwatch.lap(), runner.stopwatch.iteration())
        sent = communicator.bytesSent
        recorder.isRecording = true
      }
      let outcome = try runner.iterate(iteration, goesOn: true, wishes: { (false, false) })
      guard outcome.verdict.isSound else {
        throw RunError.notFinite(phase: phase.rawValue, iteration: iteration + 1, shard: 0, loss: outcome.verdict.loss)
      }
      guard iteration >= warmUp else { continue }
      let iterationSeconds = runner.stopwatch.iteration().seconds
      if iteration == warmUp { continue }
      seconds.append(iterationSeconds)
      times.append(outcome.verdict.reports.map(\.times))
    }
    try work.reduction.finish()
    // Weights have left when all ranks have them.
    try communicator.barrier()
    let bytes = (communicator.bytesSent - sent) / (options.iterations + 1)
    let gathered = try communicator.allGather([Double(bytes), Double(peakMemory())])
    let traffic = CommunicationVolume(phase, configuration, ranks: communicator.size, speed: speed)
    let profile = ScalingProfile(
      phase: phase, script: recorder.script, buckets: recorder.bucketSeconds, traffic: traffic, link: link,
      products: speed.products)
    work.reduction.observer = nil
    return withExtendedLifetime((recorder, runner)) {
      ScalingReport.PhaseFigures(
        profile, configuration, seconds: seconds, times: times, bytesSent: gathered.map { Int($0[0]) },
        peakMemory: gathered.map { Int($0[1]) }, nodes: options.nodes, gigabits: options.gigabits)
    }
  }

  /// Random pictures, a label each, and masks with a border that says nothing.
  private static func batch(_ configuration: Configuration) -> ShardBatch {
    let (images, shape) = (configuration.shardSize, configuration.shape)
    let batch = ShardBatch(examples: images, size: shape.inputSize, classes: shape.classes)
    var random = CounterRandom(seed: 1, .scalingBenchmark)
    random.fillGaussian(batch.planes.buffer, standardDeviation: 60)
    for image in 0..<images { batch.labels.pointer[image * shape.classes + image % shape.classes] = 1 }
    for pixel in 0..<batch.maskCount { batch.masks[pixel] = random.chance(0.05) ? 255 : random.chance(0.3) ? 1 : 0 }
    return batch
  }
}
