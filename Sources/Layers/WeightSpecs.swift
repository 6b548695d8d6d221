// The weight and the bias of a layer, with the multipliers that the authors' files give them.
import Compute

/// The form of a layer's weights.
package enum WeightLayout: Sendable {
  /// out x in x height x width
  case convolution
  /// in x out x height x width
  case transposed

  /// The axis of the weight's shape that counts output channels.
  package var outputAxis: Int { self == .convolution ? 0 : 1 }
}

/// Declares a layer's weight and bias. Biases learn twice as fast as weights and do not decay
/// (docs/reference.md section 3).
struct WeightSpecs {
  let layer: String
  let section: String
  let layout: WeightLayout
  let inputs: Int
  let outputs: Int
  let kernel: Int
  var rateMultiplier: Float = 1
  var factors: FactorShape?
  var isScore = false

  var specs: [ParameterSpec] {
    let channels = layout == .convolution ? [outputs, inputs] : [inputs, outputs]
    return [
      ParameterSpec(
        "\(layer).weight", channels + [kernel, kernel], .weight, layer: layer, section: section,
        rateMultiplier: rateMultiplier, gradient: factors == nil ? .stored : .factored, factors: factors,
        initial: isScore ? .scoreWeights : .weights(fanIn: inputs * kernel * kernel)),
      ParameterSpec(
        "\(layer).bias", [outputs], .bias, layer: layer, section: section, rateMultiplier: 2 * rateMultiplier,
        decayMultiplier: 0),
    ]
  }
}
