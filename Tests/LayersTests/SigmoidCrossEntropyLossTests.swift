// The sigmoid cross-entropy of averaged scores.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct SigmoidCrossEntropyLossTests {
  private let labels = ReferenceValues.labels(salt: "loss", examples: 3, classes: 20)

  private func scores() -> PlainValues {
    let scores = PlainValues(floats: 60, trained: true)
    ReferenceValues.fill(scores.values.buffer, "scores", amplitude: 4)
    return scores
  }

  @Test("Loss, gradient and counts equal the naive twin.") func equalsTheNaiveTwin() {
    let scores = scores()
    let result = SigmoidCrossEntropyLoss(scores, images: 3, classes: 20).forward(labels: labels)
    let values = doubles(scores.values.array)
    let truth = NaiveSigmoidCrossEntropy.loss(values, labels: doubles(labels), images: 3)
    #expect(abs(result.loss - truth) < 1e-6 * truth)
    let gradient = NaiveSigmoidCrossEntropy.gradient(values, labels: doubles(labels), images: 3)
    #expect(relativeError(scores.requiredGradient.array, gradient) < 1e-6)
    let correct = zip(values, labels).count { ($0 > 0) == ($1 == 1) }
    #expect(result.correct == Double(correct) && result.decisions == 60 && correct > 10 && correct < 50)
  }

  @Test("The gradient equals differences of the loss.") func gradientEqualsDifferences() {
    let scores = scores()
    let loss = SigmoidCrossEntropyLoss(scores, images: 3, classes: 20)
    let value = loss.forward(labels: labels).loss
    let gradient = scores.requiredGradient.array
    let check = GradientCheck(noise: 2e-7 * value) { loss.forward(labels: self.labels).loss }
    #expect(check.failures("scores", scores.values.buffer, gradient: gradient) == [])
  }
}
