// The real steps on random data: what an image costs in each phase and at inference, and where the time goes.
//
// A step is what one shard needs between two updates: forward pass, loss, backward pass to all gradients, and nothing of
// reading pictures, of the reduction or of the update. Factored gradients are computed in it too, block by block as the
// update takes them; in training they are computed once for all shards of a rank together, which is a little quicker. Dropout is on in phase one. Preparing the weights (the transforms that follow each
// update, once for all shards of a rank) is timed apart.
import Compute
import Networks
import Randomness

/// Which of the three ways through the network.
package enum MeasuredStep: String, Sendable, CaseIterable {
  case classification
  case segmentation
  case inference
}

/// Times of one step over several runs.
package struct StepTimes: Sendable {
  package let step: MeasuredStep
  package let images: Int
  /// Of each run, in order.
  package let seconds: [Double]
  /// Median over the runs by stage, in the order of the step; empty where no stopwatch ran.
  package let stages: [(stage: Stage, calls: Int, seconds: Double)]
  /// Median of what a run spent outside its stages.
  package let secondsBetweenStages: Double
  /// Median of preparing the weights after an update; nil where nothing is updated.
  package let preparationSeconds: Double?

  /// What shares of a step are taken of: medians do not add up to a median, and a disturbance belongs to no stage.
  package var profileSeconds: Double { stages.reduce(secondsBetweenStages) { $0 + $1.seconds } }
  package var medianSeconds: Double { Timing.median(seconds) }
  package var imagesPerSecond: Double { Double(images) / medianSeconds }
}

package struct StepBenchmark {
  package let shape: NetworkShape
  package let images: Int
  package let repeats: Int
  private let workers: WorkerPool
  private let net: DecoupledNet
  private let planes: AlignedMemory
  private let labels: AlignedMemory
  private let masks: [UInt8]

  package init(_ shape: NetworkShape, images: Int, repeats: Int, workers: WorkerPool) {
    self.shape = shape
    self.images = images
    self.repeats = repeats
    self.workers = workers
    net = DecoupledNet(shape)
    net.initialize(.he, seed: 1)
    let pixels = shape.inputSize * shape.inputSize
    var random = CounterRandom(seed: 1, .stepBenchmark)
    planes = AlignedMemory(floats: images * 3 * pixels)
    random.fillGaussian(planes.buffer, standardDeviation: 60)
    // One label an image, and masks with a border that says nothing, as data has them.
    labels = AlignedMemory(floats: images * shape.classes)
    for image in 0..<images { labels.pointer[image * shape.classes + image % shape.classes] = 1 }
    masks = (0..<images * pixels).map { _ in random.chance(0.05) ? 255 : random.chance(0.3) ? 1 : 0 }
  }

  package func run(_ step: MeasuredStep, profiled: Bool) -> StepTimes {
    let context = ExecutionContext(workers: workers)
    switch step {
    case .classification:
      let runner = ClassificationStep(net, images: images, dropoutRate: 0.5, context: context)
      let gradient = BenchmarkGradient(net.classification.table, rows: images * shape.scorePixels)
      let preparation = Timing.median(Timing.repeated(repeats) { runner.prepare() })
      return measure(step, context, profiled, preparation) {
        _ = runner.run(
          planes: planes.pointer, labels: labels.pointer, key: DropoutKey(seed: 1, iteration: 0, firstSlot: 0),
          gradient: gradient.shard)
        gradient.complete(context)
      }
    case .segmentation:
      let runner = SegmentationStep(net, images: images, context: context)
      let gradient = BenchmarkGradient(net.segmentation.table, rows: images * shape.scorePixels)
      runner.prepareClassification()
      let preparation = Timing.median(Timing.repeated(repeats) { runner.prepare() })
      return masks.withUnsafeBufferPointer { masks in
        measure(step, context, profiled, preparation) {
          _ = runner.run(
            planes: planes.pointer, labels: labels.pointer, mask: masks.baseAddress!, gradient: gradient.shard)
          gradient.complete(context)
        }
      }
    case .inference:
      let pass = InferencePass(net, images: images, context: context)
      return measure(step, context, profiled, nil) {
        let scores = pass.features(planes.pointer)
        let classes = shape.classes
        let choices = (0..<images).map { image in
          LabelQuery(
            image: image,
            seeds: (image * classes..<(image + 1) * classes).map { scores[$0] * labels.pointer[$0] })
        }
        // Background and foreground. With one label both have the same seeds; the authors' procedure, and with several
        // labels every procedure, runs both.
        pass.segment(choices)
        pass.segment(choices)
      }
    }
  }

  private func measure(
    _ step: MeasuredStep, _ context: ExecutionContext, _ profiled: Bool, _ preparation: Double?, _ body: () -> Void
  ) -> StepTimes {
    body()
    var seconds: [Double] = []
    var laps: [Stopwatch] = []
    for _ in 0..<repeats {
      let stopwatch = profiled ? Stopwatch() : nil
      context.stopwatch = stopwatch
      seconds.append(Timing.seconds(body))
      stopwatch?.stop()
      context.stopwatch = nil
      if let stopwatch { laps.append(stopwatch) }
    }
    let stages = (laps.first?.stages ?? []).map { stage in
      (stage: stage, calls: laps[0].calls[stage]!, seconds: Timing.median(laps.map { $0.seconds[stage]! }))
    }
    let between = zip(seconds, laps).map { max($0 - $1.seconds.values.reduce(0, +), 0) }
    return StepTimes(
      step: step, images: images, seconds: seconds, stages: stages,
      secondsBetweenStages: between.isEmpty ? 0 : Timing.median(between), preparationSeconds: preparation)
  }
}

/// Where a measured step leaves its gradient: the stored part whole, of the rest a block at a time.
private final class BenchmarkGradient {
  private static let block = 8 << 20
  private let factors: GradientFactors
  private let stored: AlignedMemory
  private let computed: AlignedMemory

  init(_ table: ParameterTable, rows: Int) {
    factors = GradientFactors(table, rows: rows, carries: [0])
    stored = AlignedMemory(floats: table.storedCount, for: .gradients)
    computed = AlignedMemory(floats: min(Self.block, table.vectorCount - table.storedCount), for: .gradients)
  }

  var shard: ShardGradient { ShardGradient(stored: stored.pointer, factors: factors, shard: 0) }

  func complete(_ context: ExecutionContext) {
    for (name, range) in factors.parameters {
      context.stage(String(name.dropLast(".weight".count)), .weightGradient)
      for first in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
        let block = first..<min(first + Self.block, range.upperBound)
        factors.sum(block, into: [computed.pointer], context.workers)
      }
    }
  }
}
