// The protocol that every trainable network implements. The trainer, checkpoints, evaluation and benchmarks use
// networks only through it. `ModelRegistry` lists the models, and docs/architecture.md describes how to add one.
import Batches
import Compute
import Layers

/// A part of a model's parameters that is trained, frozen and initialized as a whole.
package final class ParameterGroup: Sendable {
  package typealias Name = String

  package let name: Name
  /// The layers that declare the parameters.
  package let layers: LayerList
  package let parameters: ParameterVector
  /// Batch-norm means and variances, gathered when the phase that trains the group has ended; empty without batch
  /// normalization.
  package let statistics: ParameterVector

  package init(_ name: Name, _ layers: LayerList) {
    self.name = name
    self.layers = layers
    parameters = ParameterVector(layers.parameterTable)
    statistics = ParameterVector(layers.statisticsTable)
  }
}

/// Training options that change a model's parameter declarations.
package struct ModelOptions: Sendable {
  /// The learning-rate multiplier of the score layer of an initialized network.
  package let scoreRateMultiplier: Float

  package init(scoreRateMultiplier: Float = 1) { self.scoreRateMultiplier = scoreRateMultiplier }
}

package protocol Model: AnyObject, Sendable {
  /// The value of `network.model` that selects the model.
  static var name: String { get }
  /// The phases of training, in their order.
  static var phases: [PhaseSpec] { get }
  /// The groups that must have been trained before the model makes masks.
  static var predictorGroups: [ParameterGroup.Name] { get }

  init(_ shape: NetworkShape, options: ModelOptions)

  var shape: NetworkShape { get }
  /// All parameters, in the order in which they are saved.
  var groups: [ParameterGroup] { get }

  /// Makes the training step of a phase for one shard.
  func makeStep(
    _ phase: PhaseSpec, shardSize: Int, dropoutRate: Float, context: ExecutionContext
  ) -> any TrainingStep
  /// Makes inference for `images` images at a time. All statistics have been gathered.
  func makePredictor(images: Int, context: ExecutionContext) -> any Predictor
  /// Makes inference of image labels alone; nil for a model without a classification network of its own.
  func makeLabelPredictor(images: Int, context: ExecutionContext) -> (any LabelPredictor)?

  /// Multiply-adds of one image in a phase's training step (docs/reference.md section 5).
  func multiplyAdds(of phase: PhaseSpec) -> Int
  /// Multiply-adds of one image's inference with one label.
  var inferenceMultiplyAdds: Int { get }
}

extension Model {
  package var description: ModelDescription { ModelDescription(model: Self.name, shape: shape) }

  package func group(_ name: ParameterGroup.Name) -> ParameterGroup {
    guard let group = groups.first(where: { $0.name == name }) else {
      preconditionFailure("\(Self.name) has no parameter group \(name)")
    }
    return group
  }

  /// The group that a phase trains.
  package func trained(by phase: PhaseSpec) -> ParameterGroup { group(phase.trains) }

  /// Parameters and statistics of all groups, in the order in which they are saved.
  package var vectors: [ParameterVector] { groups.flatMap { [$0.parameters, $0.statistics] } }

  /// Everything that is saved, under its name.
  package var namedTensors: [NamedTensor] { vectors.flatMap(\.namedTensors) }

  /// Sets all parameters and statistics to their initial values.
  package func initialize(_ initialization: Initialization, seed: UInt64) {
    for vector in vectors { vector.initialize(initialization, seed: seed) }
  }

  /// The weights and biases of a network without batch normalization that gives the same outputs.
  package var foldedTensors: [NamedTensor] {
    groups.flatMap {
      BatchNormalizationFolding($0.layers, parameters: $0.parameters, statistics: $0.statistics).folded.namedTensors
    }
  }

  /// Multiply-adds of one image's forward pass, by the layer's name.
  package var multiplyAddsByLayer: [String: Int] {
    let specs = groups.flatMap(\.layers.specs).filter { $0.multiplyAdds > 0 }
    return Dictionary(uniqueKeysWithValues: specs.map { ($0.name, $0.multiplyAdds) })
  }
}

/// One phase's work on a shard.
package protocol TrainingStep: AnyObject {
  /// The parameters that the phase trains.
  var parameters: ParameterVector { get }
  /// Means and variances to gather when the phase has ended; an empty table where there is no batch normalization.
  var statistics: ParameterVector { get }
  /// `frozenForward` does work, so the next shard's may be done while this minibatch's gradients travel.
  var hasFrozenPart: Bool { get }

  /// The parameters will have changed by the next forward pass, which brings them into the kernels' form.
  func weightsChange()
  /// Brings the trained parameters into the kernels' form now.
  func prepare()
  /// The pass through the networks that the phase leaves fixed. It needs no trained parameter. The backward pass of the
  /// shard before must be over.
  func frozenForward(_ batch: ShardBatch)
  /// From the frozen part to the loss; after `frozenForward` on the same batch.
  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult
  /// Writes the gradient of `parameters`; after `forward` on the same batch.
  func backward(_ batch: ShardBatch, gradient: ShardGradient)
  /// A forward pass for the shard's batch-norm statistics.
  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector)
}

/// The prediction for one image.
package struct Prediction: Sendable {
  /// The score of each object class, 0...1; element c - 1 belongs to class c.
  package let labelScores: [Float]
  /// The object classes that are present, in ascending order, counted from 1.
  package let present: [Int]
  /// Probability maps (S, S), row by row: the background's, then one for each present class. Empty where no class is
  /// present: the image is all background.
  package let maps: [[Float]]

  package init(labelScores: [Float], present: [Int], maps: [[Float]]) {
    self.labelScores = labelScores
    self.present = present
    self.maps = maps
  }
}

/// Inference for some images at a time.
package protocol Predictor: AnyObject {
  var images: Int { get }
  /// Predicts the first `count` of the images.
  /// - Parameter planes: (N, 3, S, S), B, G, R with the mean subtracted.
  func predict(_ planes: UnsafePointer<Float>, count: Int) -> [Prediction]
  /// Runs the network as for one present label an image, whatever it scores: a fixed amount of work, for benchmarks.
  /// - Parameter labels: [N][L], 1 for the label of each image.
  func measure(_ planes: UnsafePointer<Float>, labels: UnsafePointer<Float>)
}

/// Inference of image labels for some images at a time.
package protocol LabelPredictor: AnyObject {
  var images: Int { get }
  /// The score of every image and class, [N][L], 0...1.
  /// - Parameter planes: (N, 3, S, S), B, G, R with the mean subtracted.
  func scores(_ planes: UnsafePointer<Float>) -> [Float]
  /// The importance of each place for a class on an image of the last `scores`: (S/32) x (S/32), at least 0.
  /// - Parameter label: counted from 1.
  func saliency(of label: Int, image: Int) -> [Float]
}

/// The score above which a label counts as present (docs/reference.md section 4).
package let labelThreshold: Float = 0.5
