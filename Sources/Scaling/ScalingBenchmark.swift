// The benchmark behind `dnet bench --scaling`: training iterations on random images, run by the trainer itself
// (`PhaseTrainer`), with the times and bytes of all ranks, and predictions of the scaling model. It needs no dataset
// and writes no checkpoints.
import Batches
import Cluster
import Compute
import Foundation
import Models
import Randomness
import Training

package enum ScalingBenchmark {
  /// The cluster as measured at the start.
  private struct Surroundings {
    let communicator: Communicator
    let threads: Int
    let speed: ClusterSpeed
    let link: LinkFigures
    let trace: Trace
    let peakMemory: () -> Int
  }

  /// Runs the benchmark; the report is complete on rank 0. Collective.
  package static func run(_ options: ScalingOptions, _ communicator: Communicator, peakMemory: @escaping () -> Int)
    throws
    -> ScalingReport
  {
    let configuration = options.configuration
    try ShardTree(shards: configuration.shards).requireWork(forRanks: communicator.size)
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    let speed = try ClusterSpeed.measure(communicator, threads: threads)
    communicator.window = speed.window
    let link = try LinkFigures.measure(communicator, threads: threads, estimate: speed.bandwidth)
    let surroundings = Surroundings(
      communicator: communicator, threads: threads, speed: speed, link: link,
      trace: try Trace(path: options.trace, communicator), peakMemory: peakMemory)
    var report = ScalingReport(configuration, communicator, threads: threads, link: link)
    for phase in options.phases { try report.phases.append(measure(phase, options, surroundings)) }
    try surroundings.trace.write()
    return report
  }

  private static func measure(
    _ phase: PhaseSpec, _ options: ScalingOptions, _ surroundings: Surroundings
  ) throws -> ScalingReport.PhaseFigures {
    let (communicator, speed) = (surroundings.communicator, surroundings.speed)
    let configuration = options.configuration
    let context = ExecutionContext(
      workers: WorkerPool(threads: surroundings.threads), convolution: configuration.convolution)
    let model = configuration.makeModel()
    model.initialize(configuration.initialization, seed: configuration.seed)
    var instrumented: InstrumentedStep?
    let resources = try PhaseResources(
      phase, configuration: configuration, model: model, communicator: communicator, context: context, speed: speed
    ) { step in
      instrumented = InstrumentedStep(step)
      return instrumented!
    }
    let reduction = resources.reduction
    let batch = batch(configuration)
    let trainer = PhaseTrainer(
      resources, configuration: configuration, communicator: communicator, trace: surroundings.trace,
      activity: Activity(), data: .init(next: { batch }, recycle: { _ in }))
    let recorder = TimelineRecorder(
      trainer.synchronization, communicator, reduction, ownShards: trainer.ownShards.count)
    context.synchronization = recorder
    instrumented!.recorder = recorder
    reduction.observer = { [unowned recorder] bucket, work, seconds in
      recorder.record(work, of: bucket, seconds: seconds)
    }

    var seconds: [Double] = []
    var times: [[RankTimes]] = []
    var sent = communicator.bytesSent
    // The first recorded iteration follows a wait for all weights, so its forward pass waits for none: its bytes count,
    // its seconds do not.
    let warmUp = 2
    for iteration in 0..<warmUp + 1 + options.iterations {
      if iteration == warmUp {
        try reduction.waitForWeights()
        try communicator.barrier()
        _ = trainer.stopwatch.lap()
        _ = trainer.stopwatch.iteration()
        sent = communicator.bytesSent
        recorder.isRecording = true
      }
      let outcome = try trainer.iterate(iteration, continues: true, stopRequests: { StopRequests() })
      guard outcome.verdict.isFinite else {
        throw RunError.notFinite(phase: phase.name, iteration: iteration + 1, shard: 0, loss: outcome.verdict.loss)
      }
      guard iteration >= warmUp else { continue }
      let iterationSeconds = trainer.stopwatch.iteration().seconds
      if iteration == warmUp { continue }
      seconds.append(iterationSeconds)
      times.append(outcome.verdict.reports.map(\.times))
    }
    try reduction.waitForWeights()
    // After the barrier all ranks have the weights, so all have been sent.
    try communicator.barrier()
    let bytes = (communicator.bytesSent - sent) / (options.iterations + 1)
    let gathered = try communicator.allGather([Double(bytes), Double(surroundings.peakMemory())])
    let profile = ScalingProfile(
      phase: phase, timeline: recorder.timeline, buckets: recorder.bucketSeconds,
      volume: CommunicationVolume(phase, configuration, ranks: communicator.size, speed: speed),
      link: surroundings.link, multiplyAddRate: speed.multiplyAddRate)
    reduction.observer = nil
    return withExtendedLifetime((recorder, trainer)) {
      ScalingReport.PhaseFigures(
        profile, options, seconds: seconds, times: times, bytesSent: gathered.map { Int($0[0]) },
        peakMemory: gathered.map { Int($0[1]) })
    }
  }

  /// Returns random images with one label each, and masks with ignored border pixels.
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
