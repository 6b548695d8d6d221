// The phases of a model's training as data: which parameters a phase trains, which it needs, and which examples it sees.
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

/// Default values of a phase's section of the configuration.
package struct PhaseDefaults: Sendable {
  package let iterations: Int
  /// Texts, as the resolved configuration writes them.
  package let learningRate: String
  package let learningRateStep: Int
  package let weightDecay: String
  /// nil for a phase without dropout, whose key takes 0 only.
  package let dropout: String?
  /// nil for a phase whose score layer learns like the others, which has no such key.
  package let scoreRateMultiplier: String?

  package init(
    iterations: Int, learningRate: String, learningRateStep: Int, weightDecay: String, dropout: String? = nil,
    scoreRateMultiplier: String? = nil
  ) {
    self.iterations = iterations
    self.learningRate = learningRate
    self.learningRateStep = learningRateStep
    self.weightDecay = weightDecay
    self.dropout = dropout
    self.scoreRateMultiplier = scoreRateMultiplier
  }
}
