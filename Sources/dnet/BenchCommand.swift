import ArgumentParser
import Benchmarks
import Foundation
import Kernels
import Networks
import Compute

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures the machine, then training steps and inference on random data, layer by layer.",
    discussion: """
      A step is forward pass, loss and backward pass of one shard; reading pictures, reduction and update are not in it. \
      Inference is one pass for the features and two for one label (background and foreground).

      --only layers   both training steps, with a table of their layers
      --only steps    both training steps and inference, without the tables
      --only inference
      --accuracy      no times: the error of every kernel at this network's shapes, against sums in Double, beside that of
                      plain loops in float32 (docs/numerics.md)
      --scaling       whole iterations of training on all ranks, with what travels between them and how much of it shows
                      (docs/benchmarks/scaling.md)
      """)

  enum Part: String, ExpressibleByArgument, CaseIterable { case layers, steps, inference }

  @Option(help: "Also writes all figures to this file.")
  var json: String?

  @Option(help: "Factor on VGG16's channels.")
  var width: Double = 1

  @Option(help: "Side of the input, a multiple of 32.")
  var size: Int = 320

  @Option(help: "Threads; 0 takes all cores that the process may use.")
  var threads: Int = 0

  @Option(help: "Images of a shard, and of a pass at inference.")
  var shardSize: Int = 4

  @Flag(help: "Batch normalisation in the classification network too.")
  var batchNormalization = false

  @Option(help: "Measures a part.")
  var only: Part?

  @Flag(help: "Measures errors instead of times.")
  var accuracy = false

  @Option(help: "Runs that the median is taken of, after one that is not counted.")
  var repeats: Int = 5

  @OptionGroup var scaling: ScalingArguments

  func validate() throws {
    if !(width > 0 && width <= 4) { throw ValidationError("--width \(width): it takes more than 0, up to 4") }
    if size < 32 || size % 32 != 0 || size > 2048 {
      throw ValidationError("--size \(size): it takes a multiple of 32, 32...2048")
    }
    if shardSize < 1 { throw ValidationError("--shard-size \(shardSize): it takes at least 1") }
    if threads < 0 { throw ValidationError("--threads \(threads): it takes 0 or more") }
    if accuracy && only != nil { throw ValidationError("--accuracy measures all kernels: leave out --only") }
    if scaling.scaling && (accuracy || only != nil) {
      throw ValidationError("--scaling measures iterations: leave out --only and --accuracy")
    }
    if repeats < 1 { throw ValidationError("--repeats \(repeats): it takes at least 1") }
  }

  func run() throws {
    if scaling.scaling { return try scaling.run(self) }
    let workers = WorkerPool(threads: threads > 0 ? threads : AvailableCores.count)
    let shape = NetworkShape(width: width, inputSize: size, classes: 20, batchNormalization: batchNormalization)
    if accuracy { return try measureAccuracy(shape, workers) }
    let counts = MultiplyAdds(shape)
    var report = BenchmarkReport(
      MachinePeak.measure(workers), shape, shardSize: shardSize, threads: workers.threads, repeats: repeats,
      blasCore: BLAS.coreName)
    print(report.machineText)
    let steps: [MeasuredStep] =
      switch only {
      case .layers: [.classification, .segmentation]
      case .inference: [.inference]
      case .steps, nil: MeasuredStep.allCases
      }
    let benchmark = StepBenchmark(shape, images: shardSize, repeats: repeats, workers: workers)
    for step in steps {
      showProgress("measuring: \(step.rawValue)", isLast: step == steps.last)
      report.add(benchmark.run(step, profiled: only != .steps), counts)
    }
    report.peakMemoryBytes = Processor.peakMemoryBytes
    for step in steps where only != .steps { print(report.profileText(of: step, counts)) }
    print(report.stepsText, terminator: "")
    print("peak memory \(report.peakMemoryBytes >> 20) MiB")
    if let json { try report.json().write(to: URL(fileURLWithPath: json)) }
  }

  private func measureAccuracy(_ shape: NetworkShape, _ workers: WorkerPool) throws {
    let benchmark = AccuracyBenchmark(shape, images: shardSize, workers: workers) { what in
      showProgress("measuring: \(what)", isLast: false)
    }
    let report = benchmark.run()
    showProgress("", isLast: true)
    print(report.table, terminator: "")
    if let json { try report.json().write(to: URL(fileURLWithPath: json)) }
  }
}
