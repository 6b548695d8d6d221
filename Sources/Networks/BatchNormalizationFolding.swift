// Batch normalisation with stored statistics folded into the weights beside it, for programs that have no such layer.
// The sums are in Double: pool5's saliency has variances of 1e-7, so its factors are in the thousands.
//
//   s = scale / sqrt(variance + epsilon)   y = s (x - mean) + shift
import Foundation
import Compute

extension DecoupledNet {
  /// Weights and biases of a network that gives the same outputs without any batch normalisation.
  ///
  /// A normalisation after a layer goes into that layer: w' = w s, b' = (b - mean) s + shift for each output channel. The
  /// two at the bridge's entrance go into `bridging.fc6`, which has no padding: w' = w s for each input channel, and b'
  /// grows by the sum of w (shift - mean s).
  package func foldedTensors() -> [NamedTensor] {
    [(classification, classificationStatistics), (segmentation, segmentationStatistics)].flatMap {
      parameters, statistics in
      let kept = parameters.table.parameters.filter { $0.role == .weight || $0.role == .bias }
      let folded = ParameterVector(ParameterTable(kept))
      for parameter in kept { _ = folded[parameter.name].update(fromContentsOf: parameters[parameter.name]) }
      let folding = Folding(parameters: parameters, statistics: statistics, folded: folded)
      if parameters.table.index(of: "bridging.pool5_bn.scale") != nil {
        folding.foldInputs(of: "bridging.fc6", ["bridging.pool5_bn", "bridging.saliency_bn"])
      }
      for parameter in kept where parameter.role == .weight {
        folding.foldOutputs(of: String(parameter.name.dropLast(".weight".count)), shape: parameter.shape)
      }
      return folded.namedTensors
    }
  }
}

private struct Folding {
  let parameters: ParameterVector
  let statistics: ParameterVector
  let folded: ParameterVector

  /// s and shift - mean s of every channel.
  private func affine(_ name: String, epsilon: Float) -> (factors: [Double], offsets: [Double]) {
    let (scale, shift) = (parameters["\(name).scale"], parameters["\(name).shift"])
    let (mean, variance) = (statistics["\(name).mean"], statistics["\(name).variance"])
    let factors = scale.indices.map { Double(scale[$0]) / (Double(variance[$0]) + Double(epsilon)).squareRoot() }
    return (factors, factors.indices.map { Double(shift[$0]) - Double(mean[$0]) * factors[$0] })
  }

  func foldOutputs(of layer: String, shape: [Int]) {
    let normalization = "\(layer).bn"
    guard parameters.table.index(of: "\(normalization).scale") != nil else { return }
    let epsilon =
      layer.hasPrefix("classification.")
      ? BatchNormalizationLayer.classificationEpsilon : BatchNormalizationLayer.authorsEpsilon
    let (factors, offsets) = affine(normalization, epsilon: epsilon)
    let (weights, bias) = (folded["\(layer).weight"], folded["\(layer).bias"])
    // Transposed convolutions have their output channels second.
    let isTransposed = layer.contains("deconv")
    let taps = shape[2] * shape[3]
    for index in weights.indices {
      let channel = isTransposed ? index / taps % shape[1] : index / (taps * shape[1])
      weights[index] = Float(Double(weights[index]) * factors[channel])
    }
    for channel in bias.indices { bias[channel] = Float(Double(bias[channel]) * factors[channel] + offsets[channel]) }
  }

  /// - Parameter normalizations: of the input channels, one group after the other.
  func foldInputs(of layer: String, _ normalizations: [String]) {
    let all = normalizations.map { affine($0, epsilon: BatchNormalizationLayer.authorsEpsilon) }
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
