// C-way softmax cross-entropy over the pixels that count: the loss of networks that score every class at every pixel.
import Compute
import Kernels

package final class PixelSoftmaxLoss {
  private let name: String
  private let context: ExecutionContext
  private let scores: PlainValues
  private let plan: SoftmaxLoss

  /// - Parameter scores: (N, C, S, S), before the softmax.
  package init(
    _ name: String, _ scores: PlainValues, images: Int, classes: Int, size: Int, context: ExecutionContext
  ) {
    self.name = name
    self.context = context
    self.scores = scores
    plan = SoftmaxLoss(images: images, classes: classes, height: size, width: size)
    context.reserve(floats: plan.workspaceFloats)
  }

  /// The loss, and the gradient of the scores beside them.
  /// - Parameter mask: (N, S, S): class indices, 255 ignored.
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
}
