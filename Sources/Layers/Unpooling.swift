// Unpooling: each value goes to the place where a pooling layer found its maximum; all other places are zero
// (docs/reference.md section 2, C:unpooling_layer.cpp).
import Compute
import Kernels

package struct UnpoolingSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  package let output: ActivationShape
  /// The name of the pooling layer whose indices are used.
  let pooling: String

  package var backwardReadsOutput: Bool { false }

  package func makeLayer(_ resources: LayerResources) -> any Layer { UnpoolingLayer(self, resources) }
}

extension LayerList {
  /// Appends the unpooling that belongs to a 2x2 pooling layer, named in full, of this or another list.
  package mutating func unpooling(_ name: String, indicesOf pooling: String) {
    append(
      UnpoolingSpec(
        name: fullName(name), input: shape,
        output: ActivationShape(.maps, channels: shape.channels, height: 2 * shape.height, width: 2 * shape.width),
        pooling: pooling))
  }
}

package final class UnpoolingLayer: Layer {
  private let name: String
  private let context: ExecutionContext
  /// A pooling's shape: unpooling is its scatter, and the backward pass of unpooling its gather.
  private let plan: MaxPooling
  private let input: FeatureMaps
  private let unpooled: FeatureMaps
  private let indices: PoolingIndices

  package var output: Activation { .maps(unpooled) }

  init(_ spec: UnpoolingSpec, _ resources: LayerResources) {
    guard let indices = resources.poolingIndices[spec.pooling] else {
      preconditionFailure("\(spec.name) was made without the indices of \(spec.pooling)")
    }
    name = spec.name
    context = resources.context
    input = resources.input.maps
    self.indices = indices
    plan = MaxPooling(
      images: resources.images, channels: spec.output.channels, height: spec.output.height, width: spec.output.width)
    unpooled = resources.outputMaps(spec.output)
  }

  package func forward(_ pass: ForwardPass) {
    context.stage(name, .pooling, .forward)
    context.run(plan.tasks) { plan.scatter(input.data, poolingIndices: indices.pointer, into: unpooled.data, task: $0) }
  }

  package func backward(_ pass: BackwardPass) {
    let outputGradient = pass.requiredGradient
    let gradient = pass.nextMaps(like: input)
    context.stage(name, .pooling, .backward)
    context.run(plan.tasks) {
      plan.gather(outputGradient.data, poolingIndices: indices.pointer, into: gradient.data, task: $0)
    }
    pass.gradient = gradient
  }
}
