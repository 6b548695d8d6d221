// Times of steps and inference, and the report made of them.
import Benchmarks
import Compute
import Foundation
import Models
import Testing

struct StepBenchmarkTests {
  private static let allSteps: [MeasuredStep] = MeasuredStep.all(of: DecoupledNet.self)
  private let model = DecoupledNet(
    NetworkShape(width: 0.0625, inputSize: 64, classes: 5, batchNormalization: true))

  private func times(_ step: MeasuredStep, profiled: Bool = true) -> StepTimes {
    StepBenchmark(model, images: 2, repeats: 2, workers: WorkerPool(threads: 2)).run(step, profiled: profiled)
  }

  @Test("The measured steps are the model's phases and inference.") func steps() {
    #expect(Self.allSteps.map(\.name) == ["classification", "segmentation", "inference"])
    #expect(
      Self.allSteps.map { $0.multiplyAdds(model) } == [
        model.multiplyAdds(of: DecoupledNet.phases[0]), model.multiplyAdds(of: DecoupledNet.phases[1]),
        model.inferenceMultiplyAdds,
      ])
  }

  @Test("The profile has each pass of each layer with weights.", arguments: allSteps)
  func profileHoldsEachLayersPasses(step: MeasuredStep) {
    let times = times(step)
    for layer in model.multiplyAddsByLayer.keys {
      var calls: [Pass: Int] = [:]
      for entry in times.stages where entry.stage.layer == layer { calls[entry.stage.pass] = entry.calls }
      let isClassification = layer.hasPrefix("classification.")
      var expected: [Pass: Int] = [:]
      switch step.name {
      case "classification" where isClassification:
        expected = [.forward: 1, .weightGradient: 1]
        if layer != "classification.conv1_1" { expected[.dataGradient] = 1 }
      case "segmentation" where isClassification:
        // The saliency goes back through fc7 and fc6.
        expected = [.forward: 1]
        if layer.contains("fc") { expected[.dataGradient] = 1 }
      case "segmentation": expected = [.forward: 1, .dataGradient: 1, .weightGradient: 1]
      case "inference" where isClassification:
        expected = [.forward: 1]
        if layer.contains("fc") { expected[.dataGradient] = 2 }
      case "inference": expected = [.forward: 2]
      default: break
      }
      #expect(calls == expected, "\(layer)")
    }
  }

  @Test("The stages cover most of the step, and no instant is counted twice.", arguments: allSteps)
  func stagesAddUpToTheStep(step: MeasuredStep) {
    let times = times(step)
    let named = times.stages.reduce(0) { $0 + $1.seconds }
    #expect(named <= times.seconds.max()! * 1.001)
    #expect(named >= times.seconds.min()! * 0.5)
  }

  @Test("Without a profile no stopwatch runs.") func withoutAProfileNoStopwatchRuns() {
    #expect(times(Self.allSteps[0], profiled: false).stages.isEmpty)
  }

  @Test("The report has the documented keys.") func reportHasTheAgreedKeys() throws {
    let peak = MachinePeak(gflopsOneThread: 100, gflops: 200, productGflopsOneThread: 90, memoryGbytesPerSecond: 10)
    var report = BenchmarkReport(peak, model.shape, shardSize: 2, threads: 2, repeats: 2, blasCore: "Haswell")
    let measured = Self.allSteps.map { times($0) }
    for times in measured { report.add(times, of: model) }
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
    // GFLOP/s by hand: 16 to 16 channels, 64 x 64, two images.
    let milliseconds = try #require(layer["milliseconds"] as? Double)
    let rate = try #require(layer["gflops"] as? Double)
    let operations: Double = 2 * 2 * 16 * 16 * 9 * 64 * 64
    let expected = operations / milliseconds / 1e6
    #expect(abs(rate - expected) < 1e-6 * rate)
    let ratio = try #require(layer["ratio_to_peak"] as? Double)
    #expect(abs(ratio - rate / 200) < 1e-9)
    for times in measured {
      let mine = layers.filter { $0["step"] as? String == times.step.name }
      let shares = mine.reduce(0.0) { $0 + ($1["share_of_step"] as? Double ?? .nan) }
      #expect(shares > 0.5 && shares < 1.0001)
    }
    for times in measured { #expect(!report.profileText(of: times.step).isEmpty) }
  }
}
