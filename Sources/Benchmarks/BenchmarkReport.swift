// The results of one run of `dnet bench`, as JSON with snake_case keys. Values that were not measured have no key.
import Compute
import Foundation
import Models
import Support

package struct BenchmarkReport: Encodable, Sendable {
  /// A stage, measured inside a running step rather than alone in a loop.
  package struct Layer: Encodable, Sendable {
    package let step: String
    /// The section of the layer's name; empty for a stage outside a section.
    package let network: String
    package let layer: String
    package let pass: String
    package let kind: StageKind
    /// The time of all calls for one shard.
    package let milliseconds: Double
    package let calls: Int
    /// The rate of direct convolution, or nil for a stage without products.
    package let gflops: Double?
    package let ratioToPeak: Double?
    /// The share of the profiled step.
    package let shareOfStep: Double
  }

  package struct Step: Encodable, Sendable {
    package let step: String
    package let imagesPerSecond: Double
    package let medianSeconds: Double
    package let seconds: [Double]
    package let gflops: Double
    package let ratioToPeak: Double
    /// The share of the step that is neither a convolution nor a product, if the step was profiled.
    package let notConvolutionShare: Double?
    /// The time to prepare the weights after an update, once per iteration and rank. It is not part of the step.
    package let preparationSeconds: Double?
  }

  package let fmaPeakGflops: Double
  package let fmaPeakGflopsOneThread: Double
  package let sgemmGflopsOneThread: Double
  package let memoryGbytesPerSecond: Double
  /// Images a second of each step, under the key that the JSON has at its top level.
  package private(set) var imagesPerSecond: [String: Double] = [:]
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

  package mutating func add(_ times: StepTimes, of model: any Model) {
    let perImage = times.step.multiplyAdds(model)
    let counts = model.multiplyAddsByLayer
    let gflops = 2 * Double(perImage) * times.imagesPerSecond / 1e9
    let stepSeconds = times.medianSeconds
    let convolution = times.stages.reduce(0.0) {
      $0 + ($1.stage.kind == .convolution ? $1.seconds : 0)
    }
    steps.append(
      Step(
        step: times.step.name, imagesPerSecond: times.imagesPerSecond, medianSeconds: stepSeconds,
        seconds: times.seconds, gflops: gflops, ratioToPeak: gflops / fmaPeakGflops,
        notConvolutionShare: times.stages.isEmpty ? nil : 1 - convolution / times.profileSeconds,
        preparationSeconds: times.preparationSeconds))
    let suffix = times.step.phase == nil ? "ImagesPerSecond" : "StepImagesPerSecond"
    imagesPerSecond[times.step.name + suffix] = times.imagesPerSecond
    layers += times.stages.map { stage, calls, seconds in
      let parts = stage.layer.split(separator: ".", maxSplits: 1).map(String.init)
      let rate = counts[stage.layer].map { 2 * Double($0 * times.images * calls) / seconds / 1e9 }
      return Layer(
        step: times.step.name, network: parts.count == 2 ? parts[0] : "", layer: parts.last ?? "",
        pass: stage.pass.rawValue, kind: stage.kind,
        milliseconds: seconds * 1000, calls: calls, gflops: rate, ratioToPeak: rate.map { $0 / fmaPeakGflops },
        shareOfStep: seconds / times.profileSeconds)
    }
  }

  private enum CodingKeys: String, CodingKey {
    case fmaPeakGflops, fmaPeakGflopsOneThread, sgemmGflopsOneThread, memoryGbytesPerSecond, steps, layers, threads,
      width
    case size, classes, shardSize, batchNormalization, repeats, processor, instructionSet, blasCore, peakMemoryBytes
  }

  private struct StepKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  package func encode(to encoder: any Encoder) throws {
    var rates = encoder.container(keyedBy: StepKey.self)
    for (key, rate) in imagesPerSecond { try rates.encode(rate, forKey: StepKey(stringValue: key)) }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(fmaPeakGflops, forKey: .fmaPeakGflops)
    try container.encode(fmaPeakGflopsOneThread, forKey: .fmaPeakGflopsOneThread)
    try container.encode(sgemmGflopsOneThread, forKey: .sgemmGflopsOneThread)
    try container.encode(memoryGbytesPerSecond, forKey: .memoryGbytesPerSecond)
    try container.encode(steps, forKey: .steps)
    try container.encode(layers, forKey: .layers)
    try container.encode(threads, forKey: .threads)
    try container.encode(width, forKey: .width)
    try container.encode(size, forKey: .size)
    try container.encode(classes, forKey: .classes)
    try container.encode(shardSize, forKey: .shardSize)
    try container.encode(batchNormalization, forKey: .batchNormalization)
    try container.encode(repeats, forKey: .repeats)
    try container.encode(processor, forKey: .processor)
    try container.encode(instructionSet, forKey: .instructionSet)
    try container.encode(blasCore, forKey: .blasCore)
    try container.encode(peakMemoryBytes, forKey: .peakMemoryBytes)
  }

  package func json() throws -> Data { try JSONText.encode(self) }
}
