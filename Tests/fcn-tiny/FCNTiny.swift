// A second, deliberately small model, which shows that dnet trains any model that is registered: a VGG16 trunk of any
// width, a score for every class and the background at each place of pool5, bilinear upsampling, and a softmax over all
// classes at each pixel. It follows FCN-32s (Long, Shelhamer and Darrell, CVPR 2015) without fc6 and fc7. It has one
// phase, trained on whole images with masks.
import Batches
import Compute
import Datasets
import Foundation
import Images
import Layers
import Models
import Proposals

final class FCNTiny: Model {
  static let name = "fcn-tiny"

  static func layers(_ shape: NetworkShape) -> LayerList {
    var net = LayerList(section: "fcn", input: ActivationShape(.planes, channels: 3, size: shape.inputSize))
    VGG16.appendTrunk(to: &net, shape)
    net.score("score", classes: shape.classes + 1)
    net.bilinearUpsampling("upsampling", factor: 32)
    return net
  }

  static let phases = [
    PhaseSpec(
      name: "pixels", randomStream: 1, trains: "fcn", requires: [], examples: WholeImageMasks(),
      defaults: PhaseDefaults(
        iterations: 100, learningRate: 0.01, learningRateStep: 0, weightDecay: 0.0005))
  ]

  static let predictorGroups = ["fcn"]

  let shape: NetworkShape
  let group: ParameterGroup
  var groups: [ParameterGroup] { [group] }

  init(_ shape: NetworkShape, options: ModelOptions) {
    self.shape = shape
    group = ParameterGroup("fcn", Self.layers(shape))
  }

  func makeStep(
    _ phase: PhaseSpec, shardSize: Int, dropoutRate: Float, context: ExecutionContext
  ) -> any TrainingStep {
    FCNTinyStep(self, images: shardSize, context: context)
  }

  func makePredictor(images: Int, context: ExecutionContext) -> any Predictor {
    FCNTinyPredictor(self, images: images, context: context)
  }

  func makeLabelPredictor(images: Int, context: ExecutionContext) -> (any LabelPredictor)? { nil }

  func multiplyAdds(of phase: PhaseSpec) -> Int { group.layers.multiplyAdds + group.layers.backwardMultiplyAdds }
  var inferenceMultiplyAdds: Int { group.layers.multiplyAdds }
}

/// Forward pass, softmax loss over all classes, backward pass.
final class FCNTinyStep: TrainingStep {
  let parameters: ParameterVector
  let statistics: ParameterVector
  private let network: LayerStack
  private let loss: PixelSoftmaxLoss

  init(_ model: FCNTiny, images: Int, context: ExecutionContext) {
    parameters = model.group.parameters
    statistics = model.group.statistics
    network = LayerStack(
      model.group.layers, images: images, purpose: .training, parameters: parameters, statistics: statistics,
      context: context)
    loss = PixelSoftmaxLoss(
      "fcn.loss", network.output.planes, images: images, classes: model.shape.classes + 1,
      size: model.shape.inputSize, context: context)
  }

  func weightsChange() { network.weightsChange() }

  func prepare() { network.prepare() }

  func frozenForward(_ batch: ShardBatch) {}

  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult {
    network.forward(ForwardPass(planes: batch.planes.pointer))
    return loss.forward(mask: batch.masks)
  }

  func backward(_ batch: ShardBatch, gradient: ShardGradient) {
    network.backward(planes: batch.planes.pointer, into: gradient)
  }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    network.forward(ForwardPass(planes: batch.planes.pointer))
    network.copyStatistics(into: vector)
  }
}

/// The softmax of all classes at each pixel. A class is present where it wins a pixel.
final class FCNTinyPredictor: Predictor {
  let images: Int
  private let shape: NetworkShape
  private let network: LayerStack

  init(_ model: FCNTiny, images: Int, context: ExecutionContext) {
    self.images = images
    shape = model.shape
    network = LayerStack(
      model.group.layers, images: images, purpose: .inference, parameters: model.group.parameters,
      statistics: model.group.statistics, context: context)
    network.prepare()
  }

  func predict(_ planes: UnsafePointer<Float>, count: Int) -> [Prediction] {
    network.forward(ForwardPass(planes: planes))
    let (classes, pixels) = (shape.classes + 1, shape.inputSize * shape.inputSize)
    let scores = network.output.planes.values.pointer
    return (0..<count).map { image in
      var maps = (0..<classes).map {
        Array(UnsafeBufferPointer(start: scores + (image * classes + $0) * pixels, count: pixels))
      }
      var wins = [Int](repeating: 0, count: classes)
      for pixel in 0..<pixels {
        let values = maps.map { $0[pixel] }
        let largest = values.max()!
        wins[values.firstIndex(of: largest)!] += 1
        // Sums to 1 before absent classes are left out; the caller normalizes again.
        for index in 0..<classes { maps[index][pixel] = 1 / values.reduce(0) { $0 + exponential($1 - values[index]) } }
      }
      let present = (1..<classes).filter { wins[$0] > 0 }
      return Prediction(
        labelScores: (1..<classes).map { maps[$0].max()! }, present: present,
        maps: present.isEmpty ? [] : [maps[0]] + present.map { maps[$0] })
    }
  }

  func measure(_ planes: UnsafePointer<Float>, labels: UnsafePointer<Float>) {
    network.forward(ForwardPass(planes: planes))
  }

  private func exponential(_ x: Float) -> Float { x > 80 ? .infinity : Float(Foundation.exp(Double(x))) }
}

/// Whole images with masks of all classes, cropped and mirrored at random.
struct WholeImageMasks: ExampleSourceFactory {
  let usesMasks = true
  let usesCrops = false

  func makeSource(_ plan: BatchPlan, _ examples: TrainingExamples) -> any BatchSource {
    WholeImageSource(plan, examples)
  }
}

private final class WholeImageSource: BatchSource {
  private let plan: BatchPlan
  private let images: [ListedImage]
  private let cache: ImageCache
  private let walk: SamplingPlan
  private let augmentation: Augmentation
  /// Mask values to class indices; an unknown value is ignored.
  private let table: [UInt8]

  init(_ plan: BatchPlan, _ examples: TrainingExamples) {
    self.plan = plan
    images = examples.masked
    cache = ImageCache(examples.store, images: images, withMasks: true, budget: examples.cacheBytes)
    walk = SamplingPlan(count: images.count, seed: plan.seed, phase: plan.phase)
    augmentation = Augmentation(inputSize: plan.inputSize)
    table = (0..<256).map { $0 <= plan.classes ? UInt8($0) : 255 }
  }

  var examplesPerRound: Int { images.count }

  func identity(iteration: Int, slot: Int) -> String { images[item(iteration, slot)].id }

  private func item(_ iteration: Int, _ slot: Int) -> Int { walk.item(at: iteration * plan.minibatch + slot) }

  func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws {
    let example = try cache.example(item(iteration, slot))
    guard let mask = example.mask else { preconditionFailure("the cache was made with masks") }
    var random = plan.random(iteration: iteration, slot: slot)
    let choice = augmentation.draw(&random)
    let box = Box(width: mask.width, height: mask.height)
    let area = plan.inputSize * plan.inputSize
    augmentation.planes(
      of: example.photograph, box: box, choice: choice, into: batch.planes.pointer + index * 3 * area)
    augmentation.mask(of: mask, box: box, choice: choice, table: table, into: batch.masks + index * area)
  }
}
