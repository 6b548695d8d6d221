// Whole steps with either kind of 3x3 kernels: the same to within rounding, and not the same bits.
import Compute
import Models
import Testing

@Suite struct ConvolutionPlansTests {
  private func net() -> DecoupledNet {
    let net = DecoupledNet(NetworkShape(width: 0.0625, inputSize: 64, classes: 3, batchNormalization: true))
    net.initialize(.he, seed: 5)
    return net
  }

  private func context(_ algorithm: ConvolutionAlgorithm, threads: Int = 2) -> ExecutionContext {
    ExecutionContext(workers: WorkerPool(threads: threads), convolution: algorithm)
  }

  private let planes = ReferenceValues.images(salt: "plans", examples: 2, size: 64).map { $0 / 60 }
  private let labels: [Float] = [1, 0, 1, 0, 1, 0]

  private func classification(_ context: ExecutionContext) -> (loss: Double, gradient: [Float], net: DecoupledNet) {
    let net = net()
    let step = ClassificationStep(net, images: 2, dropoutRate: 0, context: context)
    let gradient = WholeGradient(net.classification.table, rows: 2 * net.shape.scorePixels)
    step.prepare()
    let result = step.run(
      planes: planes, labels: labels, key: DropoutKey(seed: 1, iteration: 0, firstSlot: 0), gradient: gradient.shard)
    gradient.complete(context.workers)
    return (result.loss, Array(gradient.vector.memory.buffer), net)
  }

  private func segmentation(_ context: ExecutionContext) -> (loss: Double, gradient: [Float], net: DecoupledNet) {
    let net = net()
    let step = SegmentationStep(net, images: 2, context: context)
    let gradient = WholeGradient(net.segmentation.table, rows: 2 * net.shape.scorePixels)
    let masks = ReferenceValues.masks(salt: "plans", examples: 2, size: 64)
    step.prepareClassification()
    step.prepare()
    let result = step.run(planes: planes, labels: labels, mask: masks, gradient: gradient.shard)
    gradient.complete(context.workers)
    return (result.loss, Array(gradient.vector.memory.buffer), net)
  }

  private func distance(_ a: [Float], _ b: [Float]) -> Double {
    let squares = zip(a, b).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
    return (squares / b.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot()
  }

  @Test func bothKindsGiveTheSameStepToWithinRounding() {
    for step in [classification, segmentation] {
      let (fast, plain) = (step(context(.winograd)), step(context(.direct)))
      #expect(fast.loss.isFinite && abs(fast.loss - plain.loss) < 1e-5 * plain.loss)
      // A ReLU or a switch that flips moves gradients by more than rounding.
      #expect(distance(fast.gradient, plain.gradient) < 0.01)
      #expect(fast.gradient != plain.gradient)
    }
  }

  @Test func threadsDoNotShowInPlainSteps() {
    for step in [classification, segmentation] {
      let (one, three) = (step(context(.direct, threads: 1)), step(context(.direct, threads: 3)))
      #expect(one.loss == three.loss && one.gradient == three.gradient)
    }
  }
}
