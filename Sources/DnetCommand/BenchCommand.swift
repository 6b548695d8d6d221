// `dnet bench`: speed and accuracy of the kernels on this machine.
import ArgumentParser
import Benchmarks
import Compute
import Foundation
import Kernels
import Models
import Support

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures the machine, and training steps and inference on random data, layer by layer.",
    discussion: """
      A step consists of the forward pass, the loss and the backward pass of one shard; it excludes image decoding, \
      reduction and update. Inference is that of one image with one label.

      --only layers      all training steps, with a table of their layers
      --only steps       all training steps and inference, without the tables
      --only inference   inference, with a table of its layers
      --accuracy         the errors of all kernels at this network's shapes, compared with sums in Double and with plain
                         loops in float32 (docs/numerics.md)
      --scaling          whole training iterations on all ranks, with the communication volume and the part of the
                         communication time that computation does not hide (docs/benchmarks/scaling.md)
      """)

  enum Part: String, ExpressibleByArgument, CaseIterable { case layers, steps, inference }

  @Option(help: "Also writes all results to this file, as JSON.")
  var json: String?

  @Option(help: "The model, a value of network.model.")
  var model: String = ModelRegistry.names[0]

  @Option(help: "Factor on VGG16's channel counts.")
  var width: Double = 1

  @Option(help: "Side of the input in pixels, a multiple of 32.")
  var size: Int = 320

  @Option(help: "Threads; 0 uses all cores available to the process.")
  var threads: Int = 0

  @Option(help: "Images per shard, and per pass of inference.")
  var shardSize: Int = 4

  @Flag(help: "Adds batch normalization to the classification network.")
  var batchNormalization = false

  @Option(help: "Measures one part only.")
  var only: Part?

  @Flag(help: "Measures errors instead of times.")
  var accuracy = false

  @Option(help: "Number of measured runs, of which the median is reported; one more run warms up.")
  var repeats: Int = 5

  @OptionGroup var scaling: ScalingArguments

  func validate() throws {
    guard ModelRegistry.model(named: model) != nil else {
      throw ValidationError("--model \(model): it takes \(ModelRegistry.names.joined(separator: " | "))")
    }
    if !(width > 0 && width <= 4) { throw ValidationError("--width \(width): it takes a number above 0, up to 4") }
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

  /// The model that `validate` has found.
  var modelType: any Model.Type { ModelRegistry.model(named: model)! }

  func run() throws {
    if scaling.scaling { return try scaling.run(self) }
    let workers = WorkerPool(threads: threads > 0 ? threads : AvailableCores.count)
    let shape = NetworkShape(width: width, inputSize: size, classes: 20, batchNormalization: batchNormalization)
    let type = modelType
    let model = type.init(shape, options: ModelOptions())
    if accuracy { return try measureAccuracy(model, workers) }
    var report = BenchmarkReport(
      MachinePeak.measure(workers), shape, shardSize: shardSize, threads: workers.threads, repeats: repeats,
      blasCore: BLAS.coreName)
    print(report.machineText)
    let steps =
      switch only {
      case .layers: MeasuredStep.all(of: type).filter { $0.phase != nil }
      case .inference: [MeasuredStep.inference]
      case .steps, nil: MeasuredStep.all(of: type)
      }
    let benchmark = StepBenchmark(model, images: shardSize, repeats: repeats, workers: workers)
    for step in steps {
      showProgress("measuring: \(step.name)   ", isLast: step.name == steps.last?.name)
      report.add(benchmark.run(step, profiled: only != .steps), of: model)
    }
    report.peakMemoryBytes = Processor.peakMemoryBytes
    for step in steps where only != .steps { print(report.profileText(of: step)) }
    print(report.stepsText, terminator: "")
    print("peak memory \(report.peakMemoryBytes >> 20) MiB")
    if let json { try AtomicFile.write(report.json(), to: json) }
  }

  private func measureAccuracy(_ model: any Model, _ workers: WorkerPool) throws {
    let benchmark = AccuracyBenchmark(model, images: shardSize, workers: workers) { kernel in
      showProgress("measuring: \(kernel)".padding(toLength: 100, withPad: " ", startingAt: 0), isLast: false)
    }
    let report = benchmark.run()
    showProgress("", isLast: true)
    print(report.table, terminator: "")
    if let json { try AtomicFile.write(report.json(), to: json) }
  }
}
