// The benchmark of training steps and inference on random data, stage by stage, for any model.
//
// A step is the work of one shard between two updates: the forward pass, the loss, and the backward pass to all
// gradients. It does not include reading images, the reduction and the update. It includes the computation of factored
// gradients, block by block as the update needs them; training computes them once for all shards of a rank, which is
// slightly faster. Dropout is on where the phase has it. The preparation of the weights (the transforms after each
// update, once for all shards of a rank) is timed separately.
import Batches
import Compute
import Layers
import Models
import Randomness

/// One measured pass through a network: the step of a phase, or inference.
package struct MeasuredStep: Sendable {
  /// The phase of the step; nil for inference.
  package let phase: PhaseSpec?

  package static let inference = MeasuredStep(phase: nil)
  package static func phase(_ phase: PhaseSpec) -> Self { Self(phase: phase) }

  package var name: String { phase?.name ?? "inference" }

  /// All steps of a model.
  package static func all(of model: any Model.Type) -> [MeasuredStep] { model.phases.map { .phase($0) } + [.inference] }

  /// The multiply-adds of one image.
  package func multiplyAdds(_ model: any Model) -> Int {
    phase.map { model.multiplyAdds(of: $0) } ?? model.inferenceMultiplyAdds
  }
}

/// The times of one step over several runs.
package struct StepTimes: Sendable {
  package let step: MeasuredStep
  package let images: Int
  /// The seconds of each run, in order.
  package let seconds: [Double]
  /// The median over the runs by stage, in the order of the step; empty if the runs were not profiled.
  package let stages: [(stage: Stage, calls: Int, seconds: Double)]
  /// The median of the time that a run spent outside its stages.
  package let secondsBetweenStages: Double
  /// The median time of preparing the weights after an update; nil for inference.
  package let preparationSeconds: Double?

  /// The denominator of the stages' shares. It is not `medianSeconds`, because medians do not add up to a median.
  package var profileSeconds: Double { stages.reduce(secondsBetweenStages) { $0 + $1.seconds } }
  package var medianSeconds: Double { Timing.median(seconds) }
  package var imagesPerSecond: Double { Double(images) / medianSeconds }
}

package struct StepBenchmark {
  package let model: any Model
  package let images: Int
  package let repeats: Int
  private let workers: WorkerPool
  private let batch: ShardBatch

  /// - Parameter model: the model to measure; its parameters are initialized here.
  package init(_ model: any Model, images: Int, repeats: Int, workers: WorkerPool) {
    self.model = model
    self.images = images
    self.repeats = repeats
    self.workers = workers
    model.initialize(.he, seed: 1)
    let shape = model.shape
    batch = ShardBatch(examples: images, size: shape.inputSize, classes: shape.classes)
    var random = CounterRandom(seed: 1, .stepBenchmark)
    random.fillGaussian(batch.planes.buffer, standardDeviation: 60)
    // Each image has one label, and some pixels of the masks are ignored, as in real data.
    for image in 0..<images { batch.labels.pointer[image * shape.classes + image % shape.classes] = 1 }
    for pixel in 0..<batch.maskCount { batch.masks[pixel] = random.chance(0.05) ? 255 : random.chance(0.3) ? 1 : 0 }
  }

  package func run(_ step: MeasuredStep, profiled: Bool) -> StepTimes {
    let context = ExecutionContext(workers: workers)
    guard let phase = step.phase else { return runInference(context, profiled) }
    let runner = model.makeStep(
      phase, shardSize: images, dropoutRate: Float(phase.defaults.dropout ?? 0), context: context)
    let gradient = BenchmarkGradient(runner.parameters.table, images: images)
    let preparation = Timing.median(Timing.repeated(repeats) { runner.prepare() })
    return measure(step, context: context, profiled: profiled, preparation: preparation) {
      runner.frozenForward(batch)
      _ = runner.forward(batch, key: DropoutKey(seed: 1, iteration: 0, firstSlot: 0))
      runner.backward(batch, gradient: gradient.shard)
      gradient.complete(context)
    }
  }

  private func runInference(_ context: ExecutionContext, _ profiled: Bool) -> StepTimes {
    let predictor = model.makePredictor(images: images, context: context)
    return measure(.inference, context: context, profiled: profiled) {
      predictor.measure(UnsafePointer(batch.planes.pointer), labels: UnsafePointer(batch.labels.pointer))
    }
  }

  private func measure(
    _ step: MeasuredStep, context: ExecutionContext, profiled: Bool, preparation: Double? = nil, _ body: () -> Void
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

/// The gradient of a measured step: the stored part whole, the factored part a block at a time.
private final class BenchmarkGradient {
  private static let block = 8 << 20
  private let factors: GradientFactors
  private let table: ParameterTable
  private let stored: AlignedMemory
  private let computed: AlignedMemory

  init(_ table: ParameterTable, images: Int) {
    self.table = table
    factors = GradientFactors(table, rows: table.factorRows(images: images), pendingMerges: [0])
    stored = AlignedMemory(floats: table.storedCount, for: .gradients)
    computed = AlignedMemory(floats: min(Self.block, table.vectorCount - table.storedCount), for: .gradients)
  }

  var shard: ShardGradient { ShardGradient(stored: stored.pointer, factors: factors, shard: 0) }

  func complete(_ context: ExecutionContext) {
    for (name, range) in factors.parameters {
      context.stage(table.parameters[table.index(of: name)!].layer, .convolution, .weightGradient)
      for first in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
        let block = first..<min(first + Self.block, range.upperBound)
        factors.sum(block, into: [computed.pointer], context.workers)
      }
    }
  }
}
