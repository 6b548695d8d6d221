// A 3x3 convolution with padding 1, plain or transposed, with what always follows it: bias, batch normalization where
// the network has it, ReLU.
//
// A transposed convolution of stride 1 and padding 1 is a convolution with inputs and outputs swapped and the kernel
// rotated by 180 degrees, so both layouts use the same plans (Winograd's as a rule); only the order of the stored
// weights differs.
import Compute
import Kernels

package struct Convolution3x3Spec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  package let output: ActivationShape
  let section: String
  let layout: WeightLayout
  let normalization: BatchNormalizationSpec?

  package var parameters: [ParameterSpec] {
    WeightSpecs(
      layer: name, section: section, layout: layout, inputs: input.channels, outputs: output.channels, kernel: 3
    ).specs + (normalization?.parameters(layer: name, section: section) ?? [])
  }

  package var statistics: [ParameterSpec] { normalization?.statistics(layer: name, section: section) ?? [] }
  package var multiplyAdds: Int { input.channels * output.channels * 9 * output.pixels }
  /// The backward pass of a normalized layer computes the ReLU's mask from the values before normalization.
  package var backwardReadsOutput: Bool { normalization == nil }

  package func makeLayer(_ resources: LayerResources) -> any Layer { Convolution3x3Layer(self, resources) }

  package func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?) {
    if let normalization { folding.foldOutputs(of: name, outputAxis: layout.outputAxis, normalization) }
  }
}

extension LayerList {
  /// Appends a 3x3 convolution with ReLU. The first one, whose input is the image, gets kernels of its own.
  package mutating func convolution3x3(_ name: String, _ channels: Int, normalization: BatchNormalizationStyle?) {
    let name = fullName(name)
    let output = ActivationShape(.maps, channels: channels, height: shape.height, width: shape.width)
    let normalization = normalization.map { BatchNormalizationSpec(name: "\(name).bn", channels: channels, style: $0) }
    switch shape.layout {
    case .planes:
      append(
        PlanarConvolutionSpec(
          name: name, input: shape, output: output, section: section, normalization: normalization))
    case .maps:
      append(
        Convolution3x3Spec(
          name: name, input: shape, output: output, section: section, layout: .convolution,
          normalization: normalization))
    case .rows: preconditionFailure("\(name) follows a layer whose output is in rows")
    }
  }

  /// Appends a transposed 3x3 convolution with batch normalization and ReLU.
  package mutating func transposedConvolution3x3(
    _ name: String, _ channels: Int, normalization: BatchNormalizationStyle
  ) {
    let name = fullName(name)
    append(
      Convolution3x3Spec(
        name: name, input: shape,
        output: ActivationShape(.maps, channels: channels, height: shape.height, width: shape.width), section: section,
        layout: .transposed,
        normalization: BatchNormalizationSpec(name: "\(name).bn", channels: channels, style: normalization)))
  }
}

package final class Convolution3x3Layer: Layer {
  private let spec: Convolution3x3Spec
  private let name: String
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let statistics: ParameterVector
  private let own: LayerParameters
  private let input: FeatureMaps
  private let weight: Int
  private let bias: Int

  private let forwardPlan: ConvolutionPlan
  private let preparedForward: AlignedMemory
  /// The parts that only training needs: the other two passes, and the values before normalization.
  private let training: Training?
  private let normalization: BatchNormalizationLayer?
  /// Weights and bias with the stored statistics folded in; only where the layer normalizes with those.
  private let folded: FoldedWeights?
  private let rectification: Rectification
  private let biasSums: ChannelSums
  /// The parameters have changed since they were brought into the kernels' form.
  private var isStale = true
  private let maps: FeatureMaps

  /// y, after ReLU.
  package var output: Activation { .maps(maps) }

  private struct Training {
    let dataPlan: ConvolutionPlan
    let weightPlan: WeightGradientPlan
    let preparedBackward: AlignedMemory
    /// The values before batch normalization; nil where there is none.
    let preActivation: FeatureMaps?
  }

  init(_ spec: Convolution3x3Spec, _ resources: LayerResources) {
    self.spec = spec
    name = spec.name
    context = resources.context
    parameters = resources.parameters
    statistics = resources.statistics
    own = parameters.table.layer(name)
    input = resources.input.maps
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    let images = resources.images
    let (inputs, outputs) = (spec.input.channels, spec.output.channels)
    let (height, width) = (spec.output.height, spec.output.width)
    forwardPlan = ConvolutionPlan(
      context.convolution, images: images, inputChannels: inputs, outputChannels: outputs, height: height, width: width)
    preparedForward = AlignedMemory(floats: forwardPlan.preparedCount, for: .preparedWeights)
    maps = resources.outputMaps(spec.output)
    rectification = Rectification(images: images, channels: outputs, height: height, width: width)
    biasSums = ChannelSums(images: images, channels: outputs, height: height, width: width)
    if resources.isTrained {
      let dataPlan = ConvolutionPlan(
        context.convolution, images: images, inputChannels: outputs, outputChannels: inputs, height: height,
        width: width)
      // The gradient of in x out weights is that of a convolution from the output's side to the input's.
      let (from, to) = spec.layout == .convolution ? (inputs, outputs) : (outputs, inputs)
      let weightPlan = WeightGradientPlan(
        context.convolution, images: images, inputChannels: from, outputChannels: to, height: height, width: width)
      training = Training(
        dataPlan: dataPlan, weightPlan: weightPlan,
        preparedBackward: AlignedMemory(floats: dataPlan.preparedCount, for: .preparedWeights),
        preActivation: spec.normalization == nil
          ? nil : FeatureMaps(images: images, channels: outputs, height: height, width: width))
      context.reserve(floats: weightPlan.workspaceFloats)
      context.reserve(floats: biasSums.workspaceFloats)
      normalization = spec.normalization.map {
        BatchNormalizationLayer($0, shape: spec.output, rectified: true, resources)
      }
      folded = nil
    } else {
      training = nil
      normalization = nil
      folded = spec.normalization.map {
        FoldedWeights($0, layer: spec.name, layout: spec.layout, inputs: inputs, outputs: outputs, taps: 9)
      }
    }
  }

  package func weightsChange() { isStale = true }

  package func prepare() {
    folded?.fold(parameters, statistics, context)
    bringIntoKernelForm()
  }

  private func bringIntoKernelForm() {
    isStale = false
    let weights = UnsafePointer(folded?.weights.pointer ?? parameters.pointer + weight)
    let rotated = spec.layout == .transposed
    context.stage("\(name).prepared", .other, .forward)
    forwardPlan.prepare(weights, rotated: rotated, into: preparedForward.pointer, context: context)
    if let training {
      training.dataPlan.prepare(weights, rotated: !rotated, into: training.preparedBackward.pointer, context: context)
    }
  }

  package func forward(_ pass: ForwardPass) {
    if training != nil { context.need(own) }
    if isStale { bringIntoKernelForm() }
    guard let normalization, let preActivation = training?.preActivation else {
      convolve(bias: folded?.bias.pointer ?? parameters.pointer + bias, rectified: true, into: maps)
      return
    }
    convolve(bias: parameters.pointer + bias, rectified: false, into: preActivation)
    normalization.forward(preActivation, into: maps)
  }

  private func convolve(bias: UnsafePointer<Float>, rectified: Bool, into maps: FeatureMaps) {
    context.stage(name, .convolution, .forward)
    forwardPlan.apply(
      input.data, prepared: preparedForward.pointer, bias: bias, rectified: rectified, into: maps.data,
      context: context)
  }

  package func backward(_ pass: BackwardPass) {
    guard let training else { preconditionFailure("\(name) was made without its backward pass") }
    let (gradient, parameterGradient) = (pass.requiredGradient, pass.parameterGradient)
    if let normalization, let preActivation = training.preActivation {
      normalization.backward(preActivation, gradient: gradient, parameterGradient: parameterGradient)
      // Batch normalization subtracts the mean, so the bias's gradient is exactly zero.
      (parameterGradient + bias).update(repeating: 0, count: spec.output.channels)
    } else {
      let workspace = context.workspace
      context.stage("\(name).relu", .rectification, .backward)
      context.run(biasSums.tasks) {
        rectification.backwardAndSum(gradient: gradient.data, output: maps.data, workspace: workspace, task: $0)
      }
      biasSums.combine(workspace: workspace, into: parameterGradient + bias)
    }

    let (x, dy) = spec.layout == .convolution ? (input, gradient) : (gradient, input)
    context.stage(name, .convolution, .weightGradient)
    training.weightPlan.sum(
      input: x.data, outputGradient: dy.data, into: parameterGradient + weight, context: context)
    context.gradientIsComplete(of: own)

    let inputGradient = pass.nextMaps(like: input)
    context.stage(name, .convolution, .dataGradient)
    training.dataPlan.apply(
      gradient.data, prepared: training.preparedBackward.pointer, bias: nil, rectified: false, into: inputGradient.data,
      context: context)
    pass.gradient = inputGradient
  }

  package func copyStatistics(into vector: ParameterVector) { normalization?.copyStatistics(into: vector) }
}
