// The protocol that every trainable network implements. The trainer, checkpoints, evaluation and benchmarks use
// networks only through it. `ModelRegistry` lists the models, and docs/architecture.md describes how to add one.
import Batches
import Compute
import Layers

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

  /// The groups that make masks and are not trained yet when a phase has ended; nil for an unknown phase.
  package static func untrainedGroups(afterPhase name: String) -> [ParameterGroup.Name]? {
    guard let last = phases.firstIndex(where: { $0.name == name }) else { return nil }
    let trained = phases[...last].map(\.trains)
    return predictorGroups.filter { !trained.contains($0) }
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

/// The score above which a label counts as present (docs/reference.md section 4).
package let labelThreshold: Float = 0.5
