// The classification loss: one logistic regression per class.
//
//   N images, L classes; scores and labels are [N][L], labels 0 or 1

/// The sum over classes and mean over images of -(y log s + (1 - y) log(1 - s)), s = sigmoid(score)
/// (the authors' sigmoid_cross_entropy_loss_layer.cpp). It is serial, since it has only a few hundred values.
package struct SigmoidCrossEntropy: Sendable {
  private let images: Int
  private let classes: Int

  package init(images: Int, classes: Int) {
    self.images = images
    self.classes = classes
  }

  /// Returns the loss. A term is softplus(score) for y = 0 and softplus(-score) for y = 1, finite for any finite score.
  package func loss(scores: UnsafePointer<Float>, labels: UnsafePointer<Float>) -> Float {
    var sum = 0.0
    for i in 0..<images * classes {
      sum += Double(Lanes.softplus(Lanes(repeating: labels[i] == 1 ? -scores[i] : scores[i]))[0])
    }
    return Float(sum / Double(images))
  }

  /// Computes (sigmoid(score) - y) / N. For y = 1 it uses -sigmoid(-score), which keeps the digits of a small error.
  package func gradient(
    scores: UnsafePointer<Float>, labels: UnsafePointer<Float>, into scoreGradient: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<images * classes {
      scoreGradient[i] = (labels[i] == 1 ? -sigmoid(-scores[i]) : sigmoid(scores[i])) / Float(images)
    }
  }
}
