// The declaration of one named parameter: its shape, its initial distribution, and how the optimizer treats it. Layers
// declare their parameters (`LayerSpec.parameters`); everything else is derived from these declarations.

/// The declaration of one named tensor. Its shape is that of the plain order in which it is saved.
package struct ParameterSpec: Sendable, Equatable {
  /// `SECTION.LAYER.PARAMETER`, such as `classification.conv1_1.bn.scale`. Initial values are keyed by a hash of it.
  package let name: String
  /// Weights of convolutions are out x in x height x width, of transposed convolutions in x out x height x width; all
  /// others have one axis.
  package let shape: [Int]
  package let role: ParameterRole
  /// The layer that declares it. A layer's parameters are needed together, and their gradients are complete together.
  package let layer: String
  /// The part of the network to which it belongs. No bucket of the reduction spans two sections.
  package let section: String
  package let rateMultiplier: Float
  package let decayMultiplier: Float
  package let gradient: GradientForm
  /// The geometry of the factors where `gradient` is factored and a layer declared it.
  package let factors: FactorShape?
  package let initial: InitialDistribution

  package init(
    _ name: String, _ shape: [Int], _ role: ParameterRole, layer: String? = nil, section: String = "",
    rateMultiplier: Float = 1, decayMultiplier: Float = 1, gradient: GradientForm = .stored,
    factors: FactorShape? = nil, initial: InitialDistribution = .constant(0)
  ) {
    self.name = name
    self.shape = shape
    self.role = role
    self.layer = layer ?? name
    self.section = section
    self.rateMultiplier = rateMultiplier
    self.decayMultiplier = decayMultiplier
    self.gradient = gradient
    self.factors = factors
    self.initial = initial
  }

  package var count: Int { shape.reduce(1, *) }
}
