import Benchmarks
import Foundation
import Models
import Testing
import Compute

struct StepBenchmarkTests {
  private static let shape = NetworkShape(width: 0.0625, inputSize: 64, classes: 5, batchNormalization: true)

  private func times(_ step: MeasuredStep, profiled: Bool = true) -> StepTimes {
    StepBenchmark(Self.shape, images: 2, repeats: 2, workers: WorkerPool(threads: 2)).run(step, profiled: profiled)
  }

  /// How often each layer with weights is passed in a step, and nothing that the counts do not know.
  @Test(arguments: MeasuredStep.allCases)
  func profileHoldsEachLayersPasses(step: MeasuredStep) {
    let counts = MultiplyAdds(Self.shape)
    let times = times(step)
    for layer in counts.perImage.keys {
      var calls: [Pass: Int] = [:]
      for entry in times.stages where entry.stage.layer == layer { calls[entry.stage.pass] = entry.calls }
      let isClassification = layer.hasPrefix("classification.")
      var expected: [Pass: Int] = [:]
      switch step {
      case .classification where isClassification:
        expected = [.forward: 1, .weightGradient: 1]
        if layer != "classification.conv1_1" { expected[.dataGradient] = 1 }
      case .segmentation where isClassification:
        // The saliency goes back through fc7 and fc6.
        expected = [.forward: 1]
        if layer.contains("fc") { expected[.dataGradient] = 1 }
      case .segmentation: expected = [.forward: 1, .dataGradient: 1, .weightGradient: 1]
      case .inference where isClassification:
        expected = [.forward: 1]
        if layer.contains("fc") { expected[.dataGradient] = 2 }
      case .inference: expected = [.forward: 2]
      case .classification: break
      }
      #expect(calls == expected, "\(layer)")
    }
  }

  /// Nothing of weight happens outside the stages, and no instant is counted twice.
  @Test(arguments: MeasuredStep.allCases)
  func stagesAddUpToTheStep(step: MeasuredStep) {
    let times = times(step)
    let named = times.stages.reduce(0) { $0 + $1.seconds }
    #expect(named <= times.seconds.max()! * 1.001)
    #expect(named >= times.seconds.min()! * 0.5)
  }

  @Test func withoutAProfileNoStopwatchRuns() { #expect(times(.classification, profiled: false).stages.isEmpty) }

  @Test func reportHasTheAgreedKeys() throws {
    let peak = MachinePeak(gflopsOneThread: 100, gflops: 200, productGflopsOneThread: 90, memoryGbytesPerSecond: 10)
    var report = BenchmarkReport(peak, Self.shape, shardSize: 2, threads: 2, repeats: 2, blasCore: "Haswell")
    let counts = MultiplyAdds(Self.shape)
    let measured = MeasuredStep.allCases.map { times($0) }
    for times in measured { report.add(times, counts) }
    let json = try #require(try JSONSerialization.jsonObject(with: report.json()) as? [String: Any])
    for key in [
      "fma_peak_gflops", "fma_peak_gflops_one_thread", "memory_gbytes_per_second",
      "classification_step_images_per_second", "segmentation_step_images_per_second", "inference_images_per_second",
      "layers", "threads", "width", "size", "shard_size", "instruction_set", "blas_core", "peak_memory_bytes",
    ] { #expect(json[key] != nil, "\(key)") }
    let layers = try #require(json["layers"] as? [[String: Any]])
    let layer = try #require(
      layers.first {
        $0["step"] as? String == "segmentation" && $0["layer"] as? String == "deconv1_2"
          && $0["pass"] as? String == "data gradient"
      })
    #expect(layer["network"] as? String == "segmentation")
    // GFLOP/s once more, by hand: 16 to 16 channels, 64 x 64, two images.
    let milliseconds = try #require(layer["milliseconds"] as? Double)
    let rate = try #require(layer["gflops"] as? Double)
    let operations: Double = 2 * 2 * 16 * 16 * 9 * 64 * 64
    let expected = operations / milliseconds / 1e6
    #expect(abs(rate - expected) < 1e-6 * rate)
    let ratio = try #require(layer["ratio_to_peak"] as? Double)
    #expect(abs(ratio - rate / 200) < 1e-9)
    for times in measured {
      let mine = layers.filter { $0["step"] as? String == times.step.rawValue }
      let shares = mine.reduce(0.0) { $0 + ($1["share_of_step"] as? Double ?? .nan) }
      #expect(shares > 0.5 && shares < 1.0001)
    }
    for times in measured { #expect(!report.profileText(of: times.step, counts).isEmpty) }
  }
}
