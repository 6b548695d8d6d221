// The two-way softmax loss over pixels.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct PixelBinaryLossTests {
  private let context = ExecutionContext(workers: WorkerPool(threads: 2))
  private let size = 12

  private func scores() -> PlainValues {
    let scores = PlainValues(floats: 2 * 2 * size * size, trained: true)
    ReferenceValues.fill(scores.values.buffer, "scores", amplitude: 2)
    return scores
  }

  /// Class indices, with every fifth pixel or so ignored.
  private var mask: [UInt8] {
    (0..<2 * size * size).map { index in
      let word = ReferenceValues.mix(UInt32(index))
      return word % 5 == 0 ? 255 : UInt8(word / 8 % 2)
    }
  }

  private func loss(_ scores: PlainValues) -> PixelBinaryLoss {
    PixelBinaryLoss("n.loss", scores, images: 2, size: size, context: context)
  }

  @Test("Loss, gradient and counts equal the naive twin.") func equalsTheNaiveTwin() {
    let scores = scores()
    let result = loss(scores).forward(mask: mask)
    let values = NaiveMaps(
      images: 2, channels: 2, height: size, width: size, values: doubles(scores.values.array))
    let truth = NaiveBinarySoftmaxLoss.forward(values, mask: mask)
    #expect(abs(result.loss - truth.loss) < 1e-6 * truth.loss)
    #expect(Int(result.decisions) == truth.pixels && Int(result.correct) == truth.correct)
    #expect(truth.pixels == mask.count { $0 != 255 } && truth.correct > 0)
    let gradient = NaiveBinarySoftmaxLoss.backward(values, mask: mask)
    #expect(relativeError(scores.requiredGradient.array, gradient.values) < 2e-6)
  }

  @Test("The gradient equals differences of the loss.") func gradientEqualsDifferences() {
    let scores = scores()
    let loss = loss(scores)
    let value = loss.forward(mask: mask).loss
    let gradient = scores.requiredGradient.array
    let check = GradientCheck(noise: 2e-7 * value) { loss.forward(mask: self.mask).loss }
    #expect(check.failures("scores", scores.values.buffer, gradient: gradient) == [])
  }

  @Test("A shard whose pixels are all ignored has no loss and no gradient.") func nothingCounted() {
    let scores = scores()
    let result = loss(scores).forward(mask: [UInt8](repeating: 255, count: 2 * size * size))
    #expect(result.loss == 0 && result.decisions == 0 && result.correct == 0)
    #expect(scores.requiredGradient.array.allSatisfy { $0 == 0 })
  }

  @Test("The probabilities for inference equal the naive softmax.") func probabilities() {
    let scores = scores()
    let probabilities = AlignedMemory(floats: scores.values.count)
    loss(scores).probabilities(into: probabilities)
    let values = NaiveMaps(
      images: 2, channels: 2, height: size, width: size, values: doubles(scores.values.array))
    #expect(relativeError(probabilities.array, NaiveBinarySoftmaxLoss.probabilities(values).values) < 5e-7)
  }
}
