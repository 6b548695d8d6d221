// The models that `network.model` can name and the training phases of each, as far as the configuration needs them.

/// The defaults of one phase's section of the configuration.
package struct PhaseSection: Sendable {
  /// The name of the section, and of the phase.
  package let name: String
  package var iterations = 5500
  package var learningRate: Double
  package var learningRateStep: Int
  package var weightDecay: Double
  /// nil for a phase without dropout; its key then accepts 0 only.
  package var dropout: Double?
  /// nil for a phase that trains no score layer at a rate of its own; it then has no such key.
  package var scoreRateMultiplier: Double?
}

package enum KnownModels {
  /// Each model with its phases in the order in which they are trained. The first model is the default.
  package static let all: [(name: String, phases: [PhaseSection])] = [
    (
      "decouplednet",
      [
        PhaseSection(
          name: "classification", learningRate: 0.001, learningRateStep: 2000, weightDecay: 0.0005, dropout: 0.5,
          scoreRateMultiplier: 10),
        PhaseSection(name: "segmentation", learningRate: 0.01, learningRateStep: 10000, weightDecay: 3.125e-5),
      ]
    )
  ]
}
