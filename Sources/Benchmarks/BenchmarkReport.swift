// The figures of one run of `dnet bench`. Figures that were not asked for are nil and have no key in JSON.
import Foundation
import Networks
import Support

package struct BenchmarkReport: Encodable, Sendable {
  /// A stage of a layer, measured inside a whole step.
  package struct Layer: Encodable, Sendable {
    package let step: String
    package let network: String
    package let layer: String
    package let pass: String
    /// The time of one shard, all calls together.
    package let milliseconds: Double
    package let calls: Int
    /// The rate of the operations of direct convolution; nil for stages without multiplications.
    package let gflops: Double?
    package let ratioToPeak: Double?
    /// The share of the sum over all stages.
    package let shareOfStep: Double
  }

  package struct Step: Encodable, Sendable {
    package let step: String
    package let imagesPerSecond: Double
    package let medianSeconds: Double
    package let seconds: [Double]
    package let gflops: Double
    package let ratioToPeak: Double
    /// The share of the step that is neither a convolution nor a product; only with the profile.
    package let notConvolutionShare: Double?
    /// The time to prepare the weights after an update: once per iteration and rank, not part of the step.
    package let preparationSeconds: Double?
  }

  package let fmaPeakGflops: Double
  package let fmaPeakGflopsOneThread: Double
  package let sgemmGflopsOneThread: Double
  package let memoryGbytesPerSecond: Double
  package var classificationStepImagesPerSecond: Double?
  package var segmentationStepImagesPerSecond: Double?
  package var inferenceImagesPerSecond: Double?
  package var steps: [Step] = []
  package var layers: [Layer] = []
  package let threads: Int
  package let width: Double
  package let size: Int
  package let classes: Int
  package let shardSize: Int
  package let batchNormalization: Bool
  package let repeats: Int
  package let processor: String
  package let instructionSet: String
  package let blasCore: String
  package var peakMemoryBytes = 0

  package init(
    _ peak: MachinePeak, _ shape: NetworkShape, shardSize: Int, threads: Int, repeats: Int, blasCore: String
  ) {
    fmaPeakGflops = peak.gflops
    fmaPeakGflopsOneThread = peak.gflopsOneThread
    sgemmGflopsOneThread = peak.productGflopsOneThread
    memoryGbytesPerSecond = peak.memoryGbytesPerSecond
    self.threads = threads
    width = shape.width
    size = shape.inputSize
    classes = shape.classes
    batchNormalization = shape.batchNormalization
    self.shardSize = shardSize
    self.repeats = repeats
    processor = Processor.name
    instructionSet = Processor.compiledLevel.text
    self.blasCore = blasCore
  }

  package mutating func add(_ times: StepTimes, _ counts: MultiplyAdds) {
    let perImage =
      switch times.step {
      case .classification: counts.classificationStep
      case .segmentation: counts.segmentationStep
      case .inference: counts.inferenceOfOneLabel
      }
    let gflops = 2 * Double(perImage) * times.imagesPerSecond / 1e9
    let stepSeconds = times.medianSeconds
    let convolution = times.stages.reduce(0.0) {
      $0 + (StageKind($1.stage.layer, counts) == .convolution ? $1.seconds : 0)
    }
    steps.append(
      Step(
        step: times.step.rawValue, imagesPerSecond: times.imagesPerSecond, medianSeconds: stepSeconds,
        seconds: times.seconds, gflops: gflops, ratioToPeak: gflops / fmaPeakGflops,
        notConvolutionShare: times.stages.isEmpty ? nil : 1 - convolution / times.profileSeconds,
        preparationSeconds: times.preparationSeconds))
    switch times.step {
    case .classification: classificationStepImagesPerSecond = times.imagesPerSecond
    case .segmentation: segmentationStepImagesPerSecond = times.imagesPerSecond
    case .inference: inferenceImagesPerSecond = times.imagesPerSecond
    }
    layers += times.stages.map { stage, calls, seconds in
      let dot = stage.layer.firstIndex(of: ".")!
      let rate = counts.perImage[stage.layer].map { 2 * Double($0 * times.images * calls) / seconds / 1e9 }
      return Layer(
        step: times.step.rawValue, network: String(stage.layer[..<dot]),
        layer: String(stage.layer[stage.layer.index(after: dot)...]), pass: stage.pass.rawValue,
        milliseconds: seconds * 1000, calls: calls, gflops: rate, ratioToPeak: rate.map { $0 / fmaPeakGflops },
        shareOfStep: seconds / times.profileSeconds)
    }
  }

  package func json() throws -> Data { try JSONText.encode(self) }
}
