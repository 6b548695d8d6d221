// The loss of the deconvolution network: two-way softmax over the pixels that count (docs/reference.md section 3).
import Compute
import Kernels

package final class PixelBinaryLoss {
  private let name: String
  private let context: ExecutionContext
  private let scores: PlainValues
  private let plan: BinarySoftmaxLoss

  /// - Parameter scores: (N, 2, S, S), before the softmax.
  package init(_ name: String, _ scores: PlainValues, images: Int, size: Int, context: ExecutionContext) {
    self.name = name
    self.context = context
    self.scores = scores
    plan = BinarySoftmaxLoss(images: images, height: size, width: size)
    context.reserve(floats: plan.workspaceFloats)
  }

  /// The loss, and the gradient of the scores beside them.
  /// - Parameter mask: (N, S, S): 1 foreground, 0 background, 255 ignored.
  package func forward(mask: UnsafePointer<UInt8>) -> ShardResult {
    let workspace = context.workspace
    let values = scores.values.pointer
    context.stage(name, .other, .forward)
    context.run(plan.tasks) { plan.forward(scores: values, mask: mask, workspace: workspace, task: $0) }
    let (loss, pixels, correct) = plan.combine(workspace: workspace)
    context.stage(name, .other, .backward)
    let gradient = scores.requiredGradient.pointer
    context.run(plan.tasks) {
      plan.backward(scores: values, mask: mask, pixels: pixels, into: gradient, task: $0)
    }
    return ShardResult(loss: Double(loss), correct: Double(correct), decisions: Double(pixels))
  }

  /// The softmax of the scores, for inference: (N, 2, S, S).
  package func probabilities(into probabilities: AlignedMemory) {
    context.stage(name, .other, .forward)
    let values = scores.values.pointer
    context.run(plan.tasks) { plan.softmaxPlanes(values, into: probabilities.pointer, task: $0) }
  }
}
