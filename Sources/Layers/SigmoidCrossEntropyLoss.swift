// The loss of the classification network: sigmoid cross-entropy of the averaged scores (docs/reference.md section 3).
import Compute
import Kernels

package final class SigmoidCrossEntropyLoss {
  private let count: Int
  private let scores: PlainValues
  private let plan: SigmoidCrossEntropy

  /// - Parameter scores: [N][L], before the sigmoid.
  package init(_ scores: PlainValues, images: Int, classes: Int) {
    self.scores = scores
    count = images * classes
    plan = SigmoidCrossEntropy(images: images, classes: classes)
  }

  /// The loss, and the gradient of the scores beside them.
  /// - Parameter labels: [N][L], 0 or 1.
  package func forward(labels: UnsafePointer<Float>) -> ShardResult {
    let values = scores.values.pointer
    let loss = plan.loss(scores: values, labels: labels)
    plan.gradient(scores: values, labels: labels, into: scores.requiredGradient.pointer)
    let correct = (0..<count).count { (values[$0] > 0) == (labels[$0] > 0.5) }
    return ShardResult(loss: Double(loss), correct: Double(correct), decisions: Double(count))
  }
}
