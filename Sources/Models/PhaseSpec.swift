// The phases of a model's training as data: the parameters that a phase trains or needs, and the examples it reads.
import Batches

/// One phase of training.
package struct PhaseSpec: Sendable {
  /// The phase's name in configuration keys, checkpoint names and logs.
  package let name: String
  /// The phase's number in the names of random streams.
  package let randomStream: UInt64
  /// The parameter group that the phase trains.
  package let trains: ParameterGroup.Name
  /// Groups that the phase reads and leaves fixed. They must have been trained or given before.
  package let requires: [ParameterGroup.Name]
  package let examples: any ExampleSourceFactory
  /// Default values of the phase's configuration keys.
  package let defaults: PhaseDefaults

  /// The phase runs networks that it leaves fixed.
  package var hasFrozenPart: Bool { requires.contains { $0 != trains } }

  package init(
    name: String, randomStream: UInt64, trains: ParameterGroup.Name, requires: [ParameterGroup.Name],
    examples: any ExampleSourceFactory, defaults: PhaseDefaults
  ) {
    self.name = name
    self.randomStream = randomStream
    self.trains = trains
    self.requires = requires
    self.examples = examples
    self.defaults = defaults
  }
}

extension [PhaseSpec] {
  /// The last phase before `phase` that trains a group; nil where there is none.
  package func trainer(of group: ParameterGroup.Name, before phase: PhaseSpec) -> PhaseSpec? {
    prefix { $0.name != phase.name }.last { $0.trains == group }
  }
}

/// Default values of a phase's section of the configuration.
package struct PhaseDefaults: Sendable {
  package let iterations: Int
  package let learningRate: Double
  /// Iterations after which the learning rate drops, repeatedly; 0 for never.
  package let learningRateStep: Int
  package let weightDecay: Double
  /// nil for a phase without dropout; its key then accepts 0 only.
  package let dropout: Double?
  /// nil for a phase that trains no score layer at a rate of its own; it then has no such key.
  package let scoreRateMultiplier: Double?

  package init(
    iterations: Int, learningRate: Double, learningRateStep: Int, weightDecay: Double, dropout: Double? = nil,
    scoreRateMultiplier: Double? = nil
  ) {
    self.iterations = iterations
    self.learningRate = learningRate
    self.learningRateStep = learningRateStep
    self.weightDecay = weightDecay
    self.dropout = dropout
    self.scoreRateMultiplier = scoreRateMultiplier
  }
}
