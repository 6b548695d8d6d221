// Tests of whole steps with each algorithm for 3x3 convolutions: equal to within rounding, but with other bits.
import Batches
import Compute
import Models
import TestSupport
import Testing

@Suite struct ConvolutionAlgorithmTests {
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

  private func step(_ phase: PhaseSpec, _ context: ExecutionContext) -> (loss: Double, gradient: [Float]) {
    let net = net()
    let step = net.makeStep(phase, shardSize: 2, dropoutRate: 0, context: context)
    let gradient = step.wholeGradient(images: 2)
    step.prepare()
    let masks = ReferenceValues.masks(salt: "plans", examples: 2, size: 64)
    let batch = ShardBatch(planes: planes, labels: labels, masks: masks, examples: 2, size: 64)
    let result = step.run(batch, gradient: gradient)
    gradient.complete(context.workers)
    return (result.loss, gradient.vector.memory.array)
  }

  private func distance(_ a: [Float], _ b: [Float]) -> Double {
    let squares = zip(a, b).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
    return (squares / b.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot()
  }

  @Test("Both algorithms give the same step to within rounding, and other bits.") func algorithmsAgree() {
    for phase in DecoupledNet.phases {
      let (fast, plain) = (step(phase, context(.winograd)), step(phase, context(.direct)))
      #expect(fast.loss.isFinite && abs(fast.loss - plain.loss) < 1e-5 * plain.loss)
      // A ReLU or a pooling index that flips moves gradients by more than rounding.
      #expect(distance(fast.gradient, plain.gradient) < 0.01)
      #expect(fast.gradient != plain.gradient)
    }
  }

  @Test("The number of threads changes no bit of a step with direct convolutions.") func threadsChangeNoBit() {
    for phase in DecoupledNet.phases {
      let (one, three) = (step(phase, context(.direct, threads: 1)), step(phase, context(.direct, threads: 3)))
      #expect(one.loss == three.loss && one.gradient == three.gradient)
    }
  }
}
