// 2x2 max pooling with stride 2 that keeps the places of the maxima (docs/reference.md section 2).
import Compute
import Kernels

package struct MaxPoolingSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  package let output: ActivationShape

  /// The backward pass reads the indices only.
  package var backwardReadsOutput: Bool { false }

  package func makeLayer(_ resources: LayerResources) -> any Layer { MaxPoolingLayer(self, resources) }
}

extension LayerList {
  /// Appends a 2x2 max pooling.
  /// - Parameter keepsOutput: as in `append`.
  package mutating func maxPooling(_ name: String, keepsOutput: Bool = false) {
    precondition(
      shape.layout == .maps && shape.height % 2 == 0 && shape.width % 2 == 0,
      "\(name) cannot halve maps of \(shape.height) x \(shape.width)")
    append(
      MaxPoolingSpec(
        name: fullName(name), input: shape,
        output: ActivationShape(.maps, channels: shape.channels, height: shape.height / 2, width: shape.width / 2)),
      keepsOutput: keepsOutput)
  }
}

package final class MaxPoolingLayer: Layer {
  package let name: String
  private let context: ExecutionContext
  private let plan: MaxPooling
  private let input: FeatureMaps
  private let pooled: FeatureMaps
  package let indices: PoolingIndices

  package var output: Activation { .maps(pooled) }

  init(_ spec: MaxPoolingSpec, _ resources: LayerResources) {
    name = spec.name
    context = resources.context
    input = resources.input.maps
    plan = MaxPooling(
      images: resources.images, channels: spec.input.channels, height: spec.input.height, width: spec.input.width)
    pooled = resources.outputMaps(spec.output)
    indices = PoolingIndices(count: pooled.count)
  }

  package func forward(_ pass: ForwardPass) {
    context.stage(name, .pooling, .forward)
    context.run(plan.tasks) { plan.pool(input.data, into: pooled.data, poolingIndices: indices.pointer, task: $0) }
  }

  package func backward(_ pass: BackwardPass) {
    let outputGradient = pass.requiredGradient
    let gradient = pass.nextMaps(like: input)
    context.stage(name, .pooling, .backward)
    context.run(plan.tasks) {
      plan.scatter(outputGradient.data, poolingIndices: indices.pointer, into: gradient.data, task: $0)
    }
    pass.gradient = gradient
  }
}
