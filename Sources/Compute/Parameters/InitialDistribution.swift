// The initial values of parameters (docs/reference.md section 3, "init").
import Randomness

/// The rule that all layers' initial weights follow, `network.initialization`.
package enum Initialization: String, Sendable, CaseIterable {
  /// The authors' rule: weights normal with standard deviation 0.01, biases 0, batch-norm scale 1 and shift 0.001.
  case gaussian
  /// He et al., ICCV 2015: standard deviation sqrt(2 / fan-in), for training without ImageNet weights. The score layers
  /// keep 0.01, so that the first decisions are near 1/2.
  case he
}

/// The initial values of one parameter under each `Initialization`.
package struct InitialDistribution: Sendable, Equatable {
  package enum Values: Sendable, Equatable {
    case constant(Float)
    /// Normal with mean 0.
    case normal(deviation: Double)
  }

  private let gaussian: Values
  private let he: Values

  package init(gaussian: Values, he: Values) {
    self.gaussian = gaussian
    self.he = he
  }

  package subscript(initialization: Initialization) -> Values {
    switch initialization {
    case .gaussian: gaussian
    case .he: he
    }
  }

  package static func constant(_ value: Float) -> Self { Self(gaussian: .constant(value), he: .constant(value)) }

  /// Weights whose outputs each sum `fanIn` products.
  package static func weights(fanIn: Int) -> Self {
    Self(gaussian: .normal(deviation: 0.01), he: .normal(deviation: (2 / Double(fanIn)).squareRoot()))
  }

  /// Weights of a score layer.
  package static let scoreWeights = Self(gaussian: .normal(deviation: 0.01), he: .normal(deviation: 0.01))
}

extension ParameterVector {
  /// Sets every parameter from the seed and its name, so that its values do not depend on the network's other
  /// parameters.
  package func initialize(_ initialization: Initialization, seed: UInt64) {
    for (index, parameter) in table.parameters.enumerated() {
      switch parameter.initial[initialization] {
      case .constant(let value): self[index].update(repeating: value)
      case .normal(let deviation):
        var random = CounterRandom(seed: seed, .initialization, CounterRandom.word(of: parameter.name))
        random.fillGaussian(self[index], standardDeviation: deviation)
      }
    }
  }
}
