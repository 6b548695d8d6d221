// A chain of reference layers: each call applies one layer and records its backward pass.

/// The source of the mean and variance of a batch normalization.
enum PlainStatistics {
  /// The examples of the batch, which are one shard.
  case batch
  /// The parameters NAME.mean and NAME.variance; no gradient passes.
  case recorded
}

/// The layers run so far, the activations at their end, and the backward pass through them.
///
/// Layer sizes follow from the parameters: outputs from the bias, the kernel side from the weights.
final class ReferenceChain {
  let parameters: [String: [Double]]
  private(set) var maps: PlainMaps
  /// The gradients by parameter name, filled by `backward`.
  private(set) var gradients: [String: [Double]] = [:]
  /// The output of each layer under its name: after the bias for convolutions, after scale and shift for batch
  /// normalization, NAME.relu after a ReLU. They show the first layer that differs.
  private(set) var activations: [String: PlainMaps] = [:]
  /// The batch mean and biased variance by the name of the batch normalization.
  private(set) var statistics: [String: (mean: [Double], variance: [Double])] = [:]
  private var backwardSteps: [(PlainMaps) -> PlainMaps] = []

  init(_ maps: PlainMaps, parameters: [String: [Double]]) {
    self.maps = maps
    self.parameters = parameters
  }

  func parameter(_ name: String) -> [Double] {
    guard let values = parameters[name] else { preconditionFailure("no parameter is called \(name)") }
    return values
  }

  private func kernelSide(_ name: String) -> Int {
    let area = parameter(name + ".weight").count / (maps.c * parameter(name + ".bias").count)
    let side = Int(Double(area).squareRoot().rounded())
    precondition(side * side * maps.c * parameter(name + ".bias").count == parameter(name + ".weight").count, name)
    return side
  }

  func convolution(_ name: String, padding: Int = 0) {
    let weight = parameter(name + ".weight")
    let bias = parameter(name + ".bias")
    let input = maps
    let plan = PlainConvolution(outputs: bias.count, inputs: input.c, kernel: kernelSide(name), padding: padding)
    maps = plan.small(fromLarge: input, weight: weight).mapped { $1 + bias[$0] }
    activations[name] = maps
    backwardSteps.append { [unowned self] gradient in
      gradients[name + ".weight"] = plan.weight(fromSmall: gradient, large: input)
      gradients[name + ".bias"] = channelSums(gradient)
      return plan.large(fromSmall: gradient, weight: weight)
    }
  }

  /// The weights are in x out x K x K: the adjoint of an ordinary convolution.
  func transposedConvolution(_ name: String, padding: Int = 0) {
    let weight = parameter(name + ".weight")
    let bias = parameter(name + ".bias")
    let input = maps
    let plan = PlainConvolution(outputs: input.c, inputs: bias.count, kernel: kernelSide(name), padding: padding)
    maps = plan.large(fromSmall: input, weight: weight).mapped { $1 + bias[$0] }
    activations[name] = maps
    backwardSteps.append { [unowned self] gradient in
      gradients[name + ".weight"] = plan.weight(fromSmall: input, large: gradient)
      gradients[name + ".bias"] = channelSums(gradient)
      return plan.small(fromLarge: gradient, weight: weight)
    }
  }

  /// Several names normalize successive groups of channels, as for the concatenated pool5 and saliency.
  func batchNorm(_ names: [String], epsilon: Double, from source: PlainStatistics) {
    func joined(_ part: String) -> [Double] { names.flatMap { parameter("\($0).\(part)") } }
    let scale = joined("scale")
    let recorded = source == .recorded ? (joined("mean"), joined("variance")) : nil
    let normalization = PlainNormalization(maps, recorded: recorded, epsilon: epsilon)
    maps = normalization.scaled(scale, joined("shift"))
    var first = 0
    for name in names {
      let channels = first..<(first + parameter(name + ".scale").count)
      statistics[name] = (Array(normalization.mean[channels]), Array(normalization.variance[channels]))
      first = channels.upperBound
    }
    activations[names.joined(separator: "+")] = maps
    backwardSteps.append { [unowned self] gradient in
      precondition(source == .batch, "no gradient passes recorded statistics")
      let parts = normalization.gradients(gradient, scale: scale)
      var first = 0
      for name in names {
        let channels = first..<(first + parameter(name + ".scale").count)
        gradients[name + ".scale"] = Array(parts.scale[channels])
        gradients[name + ".shift"] = Array(parts.shift[channels])
        first = channels.upperBound
      }
      return parts.input
    }
  }

  func relu(_ name: String) {
    let input = maps
    maps = input.mapped { $1 > 0 ? $1 : 0 }
    activations[name + ".relu"] = maps
    backwardSteps.append { gradient in masked(gradient, where: input) }
  }

  /// Returns the pooling indices.
  func maxPool(_ name: String) -> [Int] {
    let input = maps
    let pooled = plainMaxPool(input)
    maps = pooled.maxima
    activations[name] = maps
    backwardSteps.append { gradient in plainUnpool(gradient, poolingIndices: pooled.poolingIndices) }
    return pooled.poolingIndices
  }

  func unpool(_ name: String, poolingIndices: [Int]) {
    let input = maps
    maps = plainUnpool(input, poolingIndices: poolingIndices)
    activations[name] = maps
    backwardSteps.append { gradient in
      PlainMaps(n: input.n, c: input.c, h: input.h, w: input.w, values: poolingIndices.map { gradient.values[$0] })
    }
  }

  /// Propagates the loss's gradient from the end of the chain to its start and fills `gradients`.
  func backward(_ gradient: PlainMaps) {
    var gradient = gradient
    for step in backwardSteps.reversed() { gradient = step(gradient) }
    backwardSteps = []
  }
}

/// Returns the gradient where the activations are positive and zero elsewhere, as in a ReLU's backward pass and in the
/// saliency pass.
func masked(_ gradient: PlainMaps, where activations: PlainMaps) -> PlainMaps {
  var result = gradient
  for index in result.values.indices where !(activations.values[index] > 0) { result.values[index] = 0 }
  return result
}
