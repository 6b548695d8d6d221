// Training options that a model's declarations depend on.

/// Training options that change a model's parameter declarations.
package struct ModelOptions: Sendable {
  /// The learning-rate multiplier of the score layer that a phase trains, by the phase's name.
  package let scoreRateMultipliers: [String: Float]

  package init(scoreRateMultipliers: [String: Float] = [:]) { self.scoreRateMultipliers = scoreRateMultipliers }

  /// 1 for a phase without a multiplier.
  package func scoreRateMultiplier(ofPhase phase: String) -> Float { scoreRateMultipliers[phase] ?? 1 }
}
