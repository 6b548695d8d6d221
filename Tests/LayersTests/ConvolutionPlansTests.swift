// The two algorithms of 3x3 convolutions: each pass against the naive twin.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct ConvolutionPlansTests {
  private let naive = NaiveConvolution(images: 2, inputChannels: 16, outputChannels: 32, height: 6, width: 9)
  private let input = ReferenceValues.values("input", count: 2 * 16 * 54, center: 0, amplitude: 1)
  private let gradient = ReferenceValues.values("gradient", count: 2 * 32 * 54, center: 0, amplitude: 1)
  private let weights = ReferenceValues.values("weights", count: 32 * 16 * 9, center: 0, amplitude: 0.15)
  private let bias = ReferenceValues.values("bias", count: 32, center: 0, amplitude: 0.5)

  private func context(_ algorithm: ConvolutionAlgorithm, threads: Int = 2) -> ExecutionContext {
    ExecutionContext(workers: WorkerPool(threads: threads), convolution: algorithm)
  }

  private func forward(_ context: ExecutionContext) -> [Float] {
    let plan = ConvolutionPlan(
      context.convolution, images: 2, inputChannels: 16, outputChannels: 32, height: 6, width: 9)
    let (prepared, output) = (AlignedMemory(floats: plan.preparedCount), AlignedMemory(floats: gradient.count))
    plan.prepare(weights, rotated: false, into: prepared.pointer, context: context)
    plan.apply(
      input, prepared: prepared.pointer, bias: bias, rectified: true, into: output.pointer, context: context)
    return output.array
  }

  private func dataGradient(_ context: ExecutionContext) -> [Float] {
    let plan = ConvolutionPlan(
      context.convolution, images: 2, inputChannels: 32, outputChannels: 16, height: 6, width: 9)
    let (prepared, output) = (AlignedMemory(floats: plan.preparedCount), AlignedMemory(floats: input.count))
    plan.prepare(weights, rotated: true, into: prepared.pointer, context: context)
    plan.apply(
      gradient, prepared: prepared.pointer, bias: nil, rectified: false, into: output.pointer, context: context)
    return output.array
  }

  private func weightGradient(_ context: ExecutionContext) -> [Float] {
    let plan = WeightGradientPlan(
      context.convolution, images: 2, inputChannels: 16, outputChannels: 32, height: 6, width: 9)
    context.reserve(floats: plan.workspaceFloats)
    let output = AlignedMemory(floats: weights.count)
    plan.sum(input: input, outputGradient: gradient, into: output.pointer, context: context)
    return output.array
  }

  @Test("All three passes of either algorithm equal the naive twin.", arguments: ConvolutionAlgorithm.allCases)
  func equalsTheNaiveTwin(algorithm: ConvolutionAlgorithm) {
    let context = context(algorithm)
    let truth = naive.apply(input, weights: weights, bias: bias, rectified: true)
    #expect(relativeError(forward(context), doubles(truth)) < 5e-6)
    #expect(relativeError(dataGradient(context), doubles(naive.dataGradient(gradient, weights: weights))) < 5e-6)
    #expect(
      relativeError(weightGradient(context), doubles(naive.weightGradient(input, outputGradient: gradient))) < 5e-6)
  }

  @Test("The algorithms round differently, and the number of threads changes no bit of either.")
  func bitsBelongToTheAlgorithm() {
    for pass in [forward, dataGradient, weightGradient] {
      #expect(!identical(pass(context(.winograd)), pass(context(.direct))))
      for algorithm in ConvolutionAlgorithm.allCases {
        #expect(identical(pass(context(algorithm, threads: 1)), pass(context(algorithm, threads: 3))))
      }
    }
  }
}
