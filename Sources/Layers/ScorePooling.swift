// Pooling of the class score map to one score per image and class: the average, which decides the labels and is
// trained, and the maximum with its position, which seeds the saliency (docs/reference.md section 0).
import Compute
import Kernels

package struct ScorePoolingSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape

  package var output: ActivationShape { ActivationShape(.rows, channels: input.channels, size: 1) }

  package func makeLayer(_ resources: LayerResources) -> any Layer { ScorePoolingLayer(self, resources) }
}

extension LayerList {
  /// Appends the pooling of the whole score map.
  package mutating func scorePooling(_ name: String) {
    append(ScorePoolingSpec(name: fullName(name), input: shape))
  }
}

package final class ScorePoolingLayer: Layer {
  private let name: String
  private let context: ExecutionContext
  private let plan: ScorePooling
  /// [M][L]
  private let scores: PlainValues
  /// [N][L]: averages before the sigmoid, and their gradient.
  package let averages: PlainValues

  package var output: Activation { .rows(averages) }

  init(_ spec: ScorePoolingSpec, _ resources: LayerResources) {
    name = spec.name
    context = resources.context
    scores = resources.input.rows
    plan = ScorePooling(
      images: resources.images, height: spec.input.height, width: spec.input.width, classes: spec.input.channels)
    averages = PlainValues(floats: resources.images * spec.input.channels, trained: resources.isTrained)
  }

  package func forward(_ pass: ForwardPass) {
    context.stage(name, .pooling, .forward)
    plan.average(scores.values.pointer, into: averages.values.pointer)
  }

  package func backward(_ pass: BackwardPass) {
    context.stage(name, .pooling, .backward)
    plan.averageBackward(averages.requiredGradient.pointer, into: scores.requiredGradient.pointer)
  }

  /// The maximum of each class's score map, before the sigmoid, and its position: [N][L] both.
  package func maximum(into maxima: AlignedMemory, positions: UnsafeMutablePointer<Int32>) {
    context.stage(name, .pooling, .forward)
    plan.maximum(scores.values.pointer, into: maxima.pointer, positions: positions)
  }
}
