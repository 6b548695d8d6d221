// The last layer of the deconvolution network: two scores a pixel, background and foreground.
//
//   scores (N, 2, H, W): plane 0 background, plane 1 foreground
import Compute
import Kernels

package struct PixelScoreSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  let section: String

  package var output: ActivationShape {
    ActivationShape(.planes, channels: 2, height: input.height, width: input.width)
  }

  package var parameters: [ParameterSpec] {
    WeightSpecs(
      layer: name, section: section, layout: .convolution, inputs: input.channels, outputs: 2, kernel: 1, isScore: true
    ).specs
  }

  package var multiplyAdds: Int { input.pixels * input.channels * 2 }
  package var backwardFreesInput: Bool { true }

  package func makeLayer(_ resources: LayerResources) -> any Layer { PixelScoreLayer(self, resources) }
}

extension LayerList {
  /// Appends a 1x1 layer to the two scores of each pixel.
  package mutating func pixelScore(_ name: String) {
    append(PixelScoreSpec(name: fullName(name), input: shape, section: section))
  }
}

package final class PixelScoreLayer: Layer {
  private let name: String
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let own: LayerParameters
  private let isTrained: Bool
  private let plan: PointwiseScore
  private let weight: Int
  private let bias: Int
  private let input: FeatureMaps
  /// Before the softmax; the loss writes the gradient.
  package let scores: PlainValues

  package var output: Activation { .planes(scores) }

  init(_ spec: PixelScoreSpec, _ resources: LayerResources) {
    name = spec.name
    context = resources.context
    parameters = resources.parameters
    isTrained = resources.isTrained
    own = parameters.table.layer(name)
    input = resources.input.maps
    plan = PointwiseScore(
      images: resources.images, channels: spec.input.channels, height: spec.input.height, width: spec.input.width)
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    scores = PlainValues(floats: resources.images * spec.output.count, trained: isTrained)
    context.reserve(floats: plan.workspaceFloats)
  }

  package func forward(_ pass: ForwardPass) {
    if isTrained { context.need(own) }
    context.stage(name, .convolution, .forward)
    context.run(plan.tasks) {
      plan.apply(
        input.data, weights: parameters.pointer + weight, bias: parameters.pointer + bias, into: scores.values.pointer,
        task: $0)
    }
  }

  package func backward(_ pass: BackwardPass) {
    let workspace = context.workspace
    let scoreGradient = scores.requiredGradient.pointer
    context.stage(name, .convolution, .weightGradient)
    context.run(plan.tasks) {
      plan.gatherWeightGradient(input.data, scoreGradient: scoreGradient, workspace: workspace, task: $0)
    }
    plan.combineWeightGradient(
      workspace: workspace, weightGradient: pass.parameterGradient + weight, biasGradient: pass.parameterGradient + bias
    )
    context.gradientIsComplete(of: own)
    let gradient = pass.nextMaps(like: input)
    context.stage(name, .convolution, .dataGradient)
    context.run(plan.tasks) {
      plan.dataGradient(
        scoreGradient: scoreGradient, weights: parameters.pointer + weight, into: gradient.data, task: $0)
    }
    pass.gradient = gradient
  }
}
