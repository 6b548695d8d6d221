// A convolution's weights and bias with stored batch-norm statistics folded in, in float32, for inference inside dnet.
import Compute

/// w' = w s and b' = (b - mean) s + shift with s = scale / sqrt(variance + epsilon), for each output channel.
final class FoldedWeights {
  let weights: AlignedMemory
  let bias: AlignedMemory
  private let spec: BatchNormalizationSpec
  private let layer: String
  private let layout: WeightLayout
  private let inputs: Int
  private let outputs: Int
  private let taps: Int

  init(_ spec: BatchNormalizationSpec, layer: String, layout: WeightLayout, inputs: Int, outputs: Int, taps: Int) {
    self.spec = spec
    self.layer = layer
    self.layout = layout
    self.inputs = inputs
    self.outputs = outputs
    self.taps = taps
    weights = AlignedMemory(floats: inputs * outputs * taps, for: .preparedWeights)
    bias = AlignedMemory(floats: outputs)
  }

  /// Computes both from the parameters and statistics as they are now.
  func fold(_ parameters: ParameterVector, _ statistics: ParameterVector, _ context: ExecutionContext) {
    let (scale, shift) = (parameters["\(spec.name).scale"], parameters["\(spec.name).shift"])
    let (mean, variance) = (statistics["\(spec.name).mean"], statistics["\(spec.name).variance"])
    let (source, sourceBias) = (parameters["\(layer).weight"], parameters["\(layer).bias"])
    let factors = (0..<outputs).map { scale[$0] / (variance[$0] + spec.style.epsilon).squareRoot() }
    for channel in 0..<outputs {
      bias.pointer[channel] = (sourceBias[channel] - mean[channel]) * factors[channel] + shift[channel]
    }
    let (rows, columns) = layout == .convolution ? (outputs, inputs) : (inputs, outputs)
    context.run(rows) { row in
      for column in 0..<columns {
        let factor = factors[layout == .convolution ? row : column]
        let start = (row * columns + column) * taps
        for tap in start..<start + taps { weights.pointer[tap] = source[tap] * factor }
      }
    }
  }
}
