// conv1_1: the only layer whose input is the picture, three planes instead of channel blocks, and the only one that
// hands no gradient further down.
import Kernels
import Compute

package final class PlanarConvolutionLayer {
  package let name: String
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let outputChannels: Int
  private let weight: Int
  private let bias: Int
  private let plan: PlanarConvolution
  private let prepared: AlignedMemory
  private let weightPlan: PlanarWeightGradient?
  private let preActivation: FeatureMaps?
  private let normalization: BatchNormalizationLayer?
  private let folded: (weights: AlignedMemory, bias: AlignedMemory)?
  private let rectification: Rectification
  private let biasSums: ChannelSums
  /// Whether the parameters have changed since they were brought into the kernels' form.
  private var isStale = true

  /// y: after ReLU.
  package let output: FeatureMaps

  package init(
    _ layer: NetworkShape.Layer, images: Int, size: Int, trained: Bool, normalized: Bool,
    parameters: ParameterVector, output: FeatureMaps? = nil, context: ExecutionContext
  ) {
    name = layer.name
    self.context = context
    self.parameters = parameters
    outputChannels = layer.outputChannels
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    plan = PlanarConvolution(images: images, outputChannels: outputChannels, height: size, width: size)
    prepared = AlignedMemory(floats: plan.preparedCount, for: .preparedWeights)
    self.output = output ?? FeatureMaps(images: images, channels: outputChannels, height: size, width: size)
    rectification = Rectification(images: images, channels: outputChannels, height: size, width: size)
    biasSums = ChannelSums(images: images, channels: outputChannels, height: size, width: size)
    weightPlan =
      trained ? PlanarWeightGradient(images: images, outputChannels: outputChannels, height: size, width: size) : nil
    preActivation =
      trained && normalized
      ? FeatureMaps(images: images, channels: outputChannels, height: size, width: size) : nil
    normalization =
      trained && normalized
      ? BatchNormalizationLayer(
        "\(name).bn", images: images, channels: outputChannels, size: size,
        epsilon: BatchNormalizationLayer.classificationEpsilon, rectified: true, parameters: parameters, context: context)
      : nil
    folded =
      normalized && !trained
      ? (AlignedMemory(floats: outputChannels * 27), AlignedMemory(floats: outputChannels)) : nil
    if let weightPlan { context.reserve(floats: max(weightPlan.workspaceFloats, biasSums.workspaceFloats)) }
  }

  /// As `ConvolutionLayer.weightsChange`.
  package func weightsChange() { isStale = true }

  package func prepare(statistics: ParameterVector) {
    if let folded { fold(statistics, into: folded) }
    prepare()
  }

  private func prepare() {
    isStale = false
    let weights = folded.map { UnsafePointer($0.weights.pointer) } ?? UnsafePointer(parameters.pointer + weight)
    context.stage("\(name).prepared", .forward)
    context.run(plan.preparationTasks) { plan.prepare(weights, into: prepared.pointer, task: $0) }
  }

  /// `planes`: (N, 3, S, S), B,G,R with the mean subtracted.
  package func forward(_ planes: UnsafePointer<Float>) {
    context.need(name)
    if isStale { prepare() }
    let bias = folded.map { UnsafePointer($0.bias.pointer) } ?? UnsafePointer(parameters.pointer + bias)
    let target = preActivation ?? output
    context.stage(name, .forward)
    context.run(plan.tasks, scratch: plan.scratchFloats) { task, scratch in
      plan.apply(
        planes, prepared: prepared.pointer, bias: bias, rectified: normalization == nil, into: target.data, task: task,
        scratch: scratch)
    }
    if let normalization { normalization.forward(target, into: output) }
  }

  /// From the gradient of the output (overwritten) to those of the parameters.
  package func backward(
    _ planes: UnsafePointer<Float>, gradient: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>
  ) {
    guard let weightPlan else { preconditionFailure("\(name) was made without its backward pass") }
    let workspace = context.workspace
    if let normalization, let preActivation {
      normalization.backward(preActivation, gradient: gradient, parameterGradient: parameterGradient)
      (parameterGradient + bias).update(repeating: 0, count: outputChannels)
    } else {
      context.stage("\(name).relu", .backward)
      context.run(biasSums.tasks) {
        rectification.backwardAndSum(
          gradient: gradient.data, output: output.data, workspace: workspace, task: $0)
      }
      biasSums.combine(workspace: workspace, into: parameterGradient + bias)
    }
    context.stage(name, .weightGradient)
    context.run(weightPlan.accumulationTasks, scratch: weightPlan.scratchFloats) { task, scratch in
      weightPlan.accumulate(
        planes: planes, outputGradient: gradient.data, workspace: workspace, task: task, scratch: scratch)
    }
    context.run(weightPlan.finishTasks, scratch: weightPlan.scratchFloats) { task, scratch in
      weightPlan.finish(workspace: workspace, into: parameterGradient + weight, task: task, scratch: scratch)
    }
    context.gradientIsComplete(of: name)
  }

  func copyStatistics(into vector: ParameterVector) { normalization?.copyStatistics(into: vector) }

  private func fold(_ statistics: ParameterVector, into folded: (weights: AlignedMemory, bias: AlignedMemory)) {
    let (scale, shift) = (parameters["\(name).bn.scale"], parameters["\(name).bn.shift"])
    let (mean, variance) = (statistics["\(name).bn.mean"], statistics["\(name).bn.variance"])
    for channel in 0..<outputChannels {
      let factor = scale[channel] / (variance[channel] + BatchNormalizationLayer.classificationEpsilon).squareRoot()
      folded.bias.pointer[channel] = (parameters.pointer[bias + channel] - mean[channel]) * factor + shift[channel]
      for tap in channel * 27..<channel * 27 + 27 {
        folded.weights.pointer[tap] = parameters.pointer[weight + tap] * factor
      }
    }
  }
}
