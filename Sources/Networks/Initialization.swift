// The values that training starts from (docs/reference.md section 3, "init").
import Randomness
import Compute

package enum Initialization: String, Sendable, CaseIterable {
  /// The authors': weights normal with standard deviation 0.01, biases 0, batch norm scale 1 and shift 0.001.
  case gaussian
  /// He et al., ICCV 2015: standard deviation sqrt(2 / fan-in), for training without ImageNet weights. The two score
  /// layers keep 0.01, so that the first decisions are near 1/2.
  case he
}

extension DecoupledNet {
  /// Sets every parameter from the seed and its name, so that a layer's values do not depend on what else there is.
  package func initialize(_ initialization: Initialization, seed: UInt64) {
    fill(classification, initialization, seed: seed, shift: initialization == .gaussian ? 0.001 : 0)
    fill(segmentation, initialization, seed: seed, shift: 0.001)
    for vector in [classificationStatistics, segmentationStatistics] {
      for (index, parameter) in vector.table.parameters.enumerated() {
        vector[index].update(repeating: parameter.name.hasSuffix(".variance") ? 1 : 0)
      }
    }
  }

  private func fill(_ vector: ParameterVector, _ initialization: Initialization, seed: UInt64, shift: Float) {
    for (index, parameter) in vector.table.parameters.enumerated() {
      switch parameter.role {
      case .weight:
        var random = CounterRandom(seed: seed, Self.purpose, Self.key(of: parameter.name))
        random.fillGaussian(vector[index], standardDeviation: deviation(parameter, initialization))
      case .bias: vector[index].update(repeating: 0)
      case .batchNormScale: vector[index].update(repeating: 1)
      case .batchNormShift: vector[index].update(repeating: shift)
      }
    }
  }

  private static let purpose: UInt64 = 0x696e6974  // "init"

  private func deviation(_ parameter: Parameter, _ initialization: Initialization) -> Double {
    if initialization == .gaussian || parameter.name.hasSuffix("score.weight") { return 0.01 }
    // Transposed weights are in x out x h x w: their fan-in is over the first axis.
    let inputs = parameter.name.contains("deconv") ? parameter.shape[0] : parameter.shape[1]
    return (2 / Double(inputs * parameter.shape[2] * parameter.shape[3])).squareRoot()
  }

  /// FNV-1a of the name: a stable key for its stream.
  private static func key(of name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}
