// Folding of batch normalization with stored statistics into the weights beside it, for programs that have no such
// layer. Sums are in Double: the variances of pool5's saliency are about 1e-7, so its factors are in the thousands.
//
//   s = scale / sqrt(variance + epsilon)   y = s (x - mean) + shift
import Compute

/// The weights and biases of a network that gives the same outputs without any batch normalization. Each layer folds
/// its own normalizations (`LayerSpec.fold`).
package struct BatchNormalizationFolding {
  private let parameters: ParameterVector
  private let statistics: ParameterVector
  /// The result: weights and biases only.
  package let folded: ParameterVector

  package init(_ list: LayerList, parameters: ParameterVector, statistics: ParameterVector) {
    self.parameters = parameters
    self.statistics = statistics
    let kept = parameters.table.parameters.filter { $0.role == .weight || $0.role == .bias }
    folded = ParameterVector(ParameterTable(kept))
    for parameter in kept { _ = folded[parameter.name].update(fromContentsOf: parameters[parameter.name]) }
    for (index, spec) in list.specs.enumerated() {
      spec.fold(self, next: list.specs.dropFirst(index + 1).first { $0.parameters.contains { $0.role == .weight } })
    }
  }

  /// s and shift - mean s of every channel.
  private func affine(_ spec: BatchNormalizationSpec) -> (factors: [Double], offsets: [Double]) {
    let (scale, shift) = (parameters["\(spec.name).scale"], parameters["\(spec.name).shift"])
    let (mean, variance) = (statistics["\(spec.name).mean"], statistics["\(spec.name).variance"])
    let factors = scale.indices.map {
      Double(scale[$0]) / (Double(variance[$0]) + Double(spec.style.epsilon)).squareRoot()
    }
    return (factors, factors.indices.map { Double(shift[$0]) - Double(mean[$0]) * factors[$0] })
  }

  /// Folds a normalization of a layer's outputs: w' = w s, b' = (b - mean) s + shift for each output channel.
  /// - Parameter outputAxis: the axis of the weight's shape that counts output channels.
  func foldOutputs(of layer: String, outputAxis: Int, _ normalization: BatchNormalizationSpec) {
    let (factors, offsets) = affine(normalization)
    let (weights, bias) = (folded["\(layer).weight"], folded["\(layer).bias"])
    let shape = folded.table.parameters[folded.table.index(of: "\(layer).weight")!].shape
    let stride = shape.dropFirst(outputAxis + 1).reduce(1, *)
    for index in weights.indices {
      weights[index] = Float(Double(weights[index]) * factors[index / stride % shape[outputAxis]])
    }
    for channel in bias.indices { bias[channel] = Float(Double(bias[channel]) * factors[channel] + offsets[channel]) }
  }

  /// Folds normalizations of a convolution's inputs, one group of channels after the other. The layer must not pad:
  /// w' = w s for each input channel, and b' grows by the sum of w (shift - mean s).
  func foldInputs(of layer: String, _ normalizations: [BatchNormalizationSpec]) {
    let all = normalizations.map { affine($0) }
    let (factors, offsets) = (all.flatMap(\.factors), all.flatMap(\.offsets))
    let (weights, bias) = (folded["\(layer).weight"], folded["\(layer).bias"])
    let inputs = weights.count / bias.count
    let taps = inputs / factors.count
    for output in bias.indices {
      var sum = Double(bias[output])
      for index in 0..<inputs {
        let weight = Double(weights[output * inputs + index])
        sum += weight * offsets[index / taps]
        weights[output * inputs + index] = Float(weight * factors[index / taps])
      }
      bias[output] = Float(sum)
    }
  }
}
