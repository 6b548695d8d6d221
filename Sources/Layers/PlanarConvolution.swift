// The first 3x3 convolution of a network. Its input is the image, three planes instead of channel blocks, and it
// computes no gradient of its input.
import Compute
import Kernels

package struct PlanarConvolutionSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  package let output: ActivationShape
  let section: String
  let normalization: BatchNormalizationSpec?

  package var parameters: [ParameterSpec] {
    WeightSpecs(
      layer: name, section: section, layout: .convolution, inputs: input.channels, outputs: output.channels, kernel: 3
    ).specs + (normalization?.parameters(layer: name, section: section) ?? [])
  }

  package var statistics: [ParameterSpec] { normalization?.statistics(layer: name, section: section) ?? [] }
  package var multiplyAdds: Int { input.channels * output.channels * 9 * output.pixels }
  /// There is no data gradient.
  package var backwardMultiplyAdds: Int { multiplyAdds }
  package var backwardReadsOutput: Bool { normalization == nil }

  package func makeLayer(_ resources: LayerResources) -> any Layer { PlanarConvolutionLayer(self, resources) }

  package func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?) {
    if let normalization { folding.foldOutputs(of: name, outputAxis: 0, normalization) }
  }
}

package final class PlanarConvolutionLayer: Layer {
  private let spec: PlanarConvolutionSpec
  private let name: String
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let statistics: ParameterVector
  private let own: LayerParameters
  private let weight: Int
  private let bias: Int
  private let plan: PlanarConvolution
  private let prepared: AlignedMemory
  private let weightPlan: PlanarWeightGradient?
  private let preActivation: FeatureMaps?
  private let normalization: BatchNormalizationLayer?
  private let folded: FoldedWeights?
  private let rectification: Rectification
  private let biasSums: ChannelSums
  /// The parameters have changed since they were brought into the kernels' form.
  private var isStale = true
  private let maps: FeatureMaps

  /// y, after ReLU.
  package var output: Activation { .maps(maps) }

  init(_ spec: PlanarConvolutionSpec, _ resources: LayerResources) {
    precondition(spec.input.channels == 3, "the input image has three planes, not \(spec.input.channels)")
    self.spec = spec
    name = spec.name
    context = resources.context
    parameters = resources.parameters
    statistics = resources.statistics
    own = parameters.table.layer(name)
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    let (images, outputs) = (resources.images, spec.output.channels)
    let (height, width) = (spec.output.height, spec.output.width)
    plan = PlanarConvolution(images: images, outputChannels: outputs, height: height, width: width)
    prepared = AlignedMemory(floats: plan.preparedCount, for: .preparedWeights)
    maps = resources.outputMaps(spec.output)
    rectification = Rectification(images: images, channels: outputs, height: height, width: width)
    biasSums = ChannelSums(images: images, channels: outputs, height: height, width: width)
    if resources.isTrained {
      let weightPlan = PlanarWeightGradient(images: images, outputChannels: outputs, height: height, width: width)
      self.weightPlan = weightPlan
      preActivation =
        spec.normalization == nil ? nil : FeatureMaps(images: images, channels: outputs, height: height, width: width)
      normalization = spec.normalization.map {
        BatchNormalizationLayer($0, shape: spec.output, rectified: true, resources)
      }
      folded = nil
      context.reserve(floats: max(weightPlan.workspaceFloats, biasSums.workspaceFloats))
    } else {
      weightPlan = nil
      preActivation = nil
      normalization = nil
      folded = spec.normalization.map {
        FoldedWeights($0, layer: spec.name, layout: .convolution, inputs: 3, outputs: outputs, taps: 9)
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
    context.stage("\(name).prepared", .other, .forward)
    context.run(plan.preparationTasks) { plan.prepare(weights, into: prepared.pointer, task: $0) }
  }

  package func forward(_ pass: ForwardPass) {
    if weightPlan != nil { context.need(own) }
    if isStale { bringIntoKernelForm() }
    let bias = UnsafePointer(folded?.bias.pointer ?? parameters.pointer + bias)
    let target = preActivation ?? maps
    let planes = pass.requiredPlanes
    context.stage(name, .convolution, .forward)
    context.run(plan.tasks, scratch: plan.scratchFloats) { task, scratch in
      plan.apply(
        planes, prepared: prepared.pointer, bias: bias, rectified: normalization == nil, into: target.data,
        task: task, scratch: scratch)
    }
    if let normalization { normalization.forward(target, into: maps) }
  }

  package func backward(_ pass: BackwardPass) {
    guard let weightPlan else { preconditionFailure("\(name) was made without its backward pass") }
    let (gradient, parameterGradient) = (pass.requiredGradient, pass.parameterGradient)
    let workspace = context.workspace
    let planes = pass.requiredPlanes
    if let normalization, let preActivation {
      normalization.backward(preActivation, gradient: gradient, parameterGradient: parameterGradient)
      (parameterGradient + bias).update(repeating: 0, count: spec.output.channels)
    } else {
      context.stage("\(name).relu", .rectification, .backward)
      context.run(biasSums.tasks) {
        rectification.backwardAndSum(gradient: gradient.data, output: maps.data, workspace: workspace, task: $0)
      }
      biasSums.combine(workspace: workspace, into: parameterGradient + bias)
    }
    context.stage(name, .convolution, .weightGradient)
    context.run(weightPlan.accumulationTasks, scratch: weightPlan.scratchFloats) { task, scratch in
      weightPlan.accumulate(
        planes: planes, outputGradient: gradient.data, workspace: workspace, task: task, scratch: scratch)
    }
    context.run(weightPlan.finishTasks, scratch: weightPlan.scratchFloats) { task, scratch in
      weightPlan.finish(workspace: workspace, into: parameterGradient + weight, task: task, scratch: scratch)
    }
    context.gradientIsComplete(of: own)
    pass.gradient = nil
  }

  package func copyStatistics(into vector: ParameterVector) { normalization?.copyStatistics(into: vector) }
}
