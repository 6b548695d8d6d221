// A 3x3 layer, pad 1, with what always follows it: bias, batch normalisation where the network has it, ReLU.
//
// A transposed convolution of stride 1 and pad 1 is a convolution with in and out swapped and the kernel rotated by 180
// degrees, so both kinds are one plan each way (Winograd's as a rule); only the order of the stored weights differs.
import Kernels
import Compute

package final class ConvolutionLayer {
  package enum Kind: Sendable {
    /// Weights out x in x 3 x 3.
    case convolution
    /// Weights in x out x 3 x 3.
    case transposed
  }

  package let name: String
  private let kind: Kind
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let outputChannels: Int
  private let inputChannels: Int
  private let weight: Int
  private let bias: Int

  private let forwardPlan: ConvolutionPlan
  private let preparedForward: AlignedMemory
  /// What only training needs: the other two passes, and the values before normalisation.
  private let training: Training?
  private let normalization: BatchNormalizationLayer?
  /// Weights and bias with the stored statistics folded in; only where the layer normalises with those.
  private let folded: (weights: AlignedMemory, bias: AlignedMemory)?
  private let rectification: Rectification
  private let biasSums: ChannelSums
  /// Of the batch normalisation.
  private let epsilon: Float
  /// Whether the parameters have changed since they were brought into the kernels' form.
  private var isStale = true

  /// y: after ReLU.
  package let output: FeatureMaps

  private struct Training {
    let dataPlan: ConvolutionPlan
    let weightPlan: WeightGradientPlan
    let preparedBackward: AlignedMemory
    /// Before batch normalisation; nil where there is none.
    let preActivation: FeatureMaps?
  }

  package init(
    _ layer: NetworkShape.Layer, kind: Kind, images: Int, size: Int, trained: Bool, normalized: Bool, epsilon: Float,
    parameters: ParameterVector, output: FeatureMaps? = nil, context: ExecutionContext
  ) {
    name = layer.name
    self.kind = kind
    self.context = context
    self.parameters = parameters
    inputChannels = layer.inputChannels
    outputChannels = layer.outputChannels
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    let (inputs, outputs) = (layer.inputChannels, layer.outputChannels)
    forwardPlan = ConvolutionPlan(
      context.convolution, images: images, inputChannels: inputs, outputChannels: outputs, height: size, width: size)
    preparedForward = AlignedMemory(floats: forwardPlan.preparedCount, for: .preparedWeights)
    self.output = output ?? FeatureMaps(images: images, channels: outputs, height: size, width: size)
    rectification = Rectification(images: images, channels: outputs, height: size, width: size)
    biasSums = ChannelSums(images: images, channels: outputs, height: size, width: size)
    if trained {
      let dataPlan = ConvolutionPlan(
        context.convolution, images: images, inputChannels: outputs, outputChannels: inputs, height: size, width: size)
      // The gradient of in x out weights is that of a convolution from the output's side to the input's.
      let (from, to) = kind == .convolution ? (inputs, outputs) : (outputs, inputs)
      let weightPlan = WeightGradientPlan(
        context.convolution, images: images, inputChannels: from, outputChannels: to, height: size, width: size)
      training = Training(
        dataPlan: dataPlan, weightPlan: weightPlan,
        preparedBackward: AlignedMemory(floats: dataPlan.preparedCount, for: .preparedWeights),
        preActivation: normalized ? FeatureMaps(images: images, channels: outputs, height: size, width: size) : nil)
      context.reserve(floats: weightPlan.workspaceFloats)
      context.reserve(floats: biasSums.workspaceFloats)
    } else {
      training = nil
    }
    normalization =
      normalized && trained
      ? BatchNormalizationLayer(
        "\(name).bn", images: images, channels: outputs, size: size, epsilon: epsilon, rectified: true,
        parameters: parameters, context: context) : nil
    folded =
      normalized && !trained
      ? (AlignedMemory(floats: inputs * outputs * 9, for: .preparedWeights), AlignedMemory(floats: outputs)) : nil
    self.epsilon = epsilon
  }

  /// The parameters will have changed by the next forward pass, which then brings them into the kernels' form. For layers
  /// that do not normalise with stored statistics.
  package func weightsChange() { isStale = true }

  /// Brings the weights into the kernels' form: after every update of the parameters.
  /// `statistics` are folded in where the layer normalises with stored ones.
  package func prepare(statistics: ParameterVector) {
    if let folded { fold(statistics, into: folded) }
    prepare()
  }

  private func prepare() {
    isStale = false
    var weights = UnsafePointer(parameters.pointer + weight)
    if let folded { weights = UnsafePointer(folded.weights.pointer) }
    let rotated = kind == .transposed
    context.stage("\(name).prepared", .forward)
    forwardPlan.prepare(weights, rotated: rotated, into: preparedForward.pointer, context: context)
    if let training {
      training.dataPlan.prepare(weights, rotated: !rotated, into: training.preparedBackward.pointer, context: context)
    }
  }

  package func forward(_ input: FeatureMaps) {
    context.need(name)
    if isStale { prepare() }
    guard let normalization, let preActivation = training?.preActivation else {
      let bias = folded.map { UnsafePointer($0.bias.pointer) } ?? UnsafePointer(parameters.pointer + bias)
      convolve(input, bias: bias, rectified: true, into: output)
      return
    }
    convolve(input, bias: parameters.pointer + bias, rectified: false, into: preActivation)
    normalization.forward(preActivation, into: output)
  }

  private func convolve(_ input: FeatureMaps, bias: UnsafePointer<Float>, rectified: Bool, into maps: FeatureMaps) {
    context.stage(name, .forward)
    forwardPlan.apply(
      input.data, prepared: preparedForward.pointer, bias: bias, rectified: rectified, into: maps.data, context: context)
  }

  /// From the gradient of the output (overwritten) to those of the parameters and, if wanted, of the input.
  package func backward(
    _ input: FeatureMaps, gradient: FeatureMaps, into inputGradient: FeatureMaps?,
    parameterGradient: UnsafeMutablePointer<Float>
  ) {
    guard let training else { preconditionFailure("\(name) was made without its backward pass") }
    if let normalization, let preActivation = training.preActivation {
      normalization.backward(preActivation, gradient: gradient, parameterGradient: parameterGradient)
      // Batch normalisation takes the mean away again, so the bias's gradient is exactly zero.
      (parameterGradient + bias).update(repeating: 0, count: outputChannels)
    } else {
      let workspace = context.workspace
      context.stage("\(name).relu", .backward)
      context.run(biasSums.tasks) {
        rectification.backwardAndSum(
          gradient: gradient.data, output: output.data, workspace: workspace, task: $0)
      }
      biasSums.combine(workspace: workspace, into: parameterGradient + bias)
    }

    let (x, dy) = kind == .convolution ? (input, gradient) : (gradient, input)
    context.stage(name, .weightGradient)
    training.weightPlan.sum(input: x.data, outputGradient: dy.data, into: parameterGradient + weight, context: context)
    context.gradientIsComplete(of: name)

    if let inputGradient {
      context.stage(name, .dataGradient)
      training.dataPlan.apply(
        gradient.data, prepared: training.preparedBackward.pointer, bias: nil, rectified: false,
        into: inputGradient.data, context: context)
    }
  }

  func copyStatistics(into vector: ParameterVector) { normalization?.copyStatistics(into: vector) }

  /// w' = w * s and b' = (b - mean) * s + shift with s = scale / sqrt(variance + epsilon), for each output channel.
  private func fold(_ statistics: ParameterVector, into folded: (weights: AlignedMemory, bias: AlignedMemory)) {
    let (scale, shift) = (parameters["\(name).bn.scale"], parameters["\(name).bn.shift"])
    let (mean, variance) = (statistics["\(name).bn.mean"], statistics["\(name).bn.variance"])
    let factors = (0..<outputChannels).map { scale[$0] / (variance[$0] + epsilon).squareRoot() }
    let weights = parameters.pointer + weight
    for channel in 0..<outputChannels {
      folded.bias.pointer[channel] =
        (parameters.pointer[bias + channel] - mean[channel]) * factors[channel] + shift[channel]
    }
    let (rows, columns) = kind == .convolution ? (outputChannels, inputChannels) : (inputChannels, outputChannels)
    context.run(rows) { row in
      for column in 0..<columns {
        let factor = factors[kind == .convolution ? row : column]
        let start = (row * columns + column) * 9
        for tap in start..<start + 9 { folded.weights.pointer[tap] = weights[tap] * factor }
      }
    }
  }
}
