// The check of the two kernels that perform nearly all of training's arithmetic, against plain loops in Double.
import Compute
import Kernels
import Randomness

/// The errors of a matrix product and of a 3x3 convolution: the largest difference over the largest value.
struct ArithmeticCheck {
  let productError: Double
  let convolutionError: Double

  init() {
    productError = Self.productDifference()
    convolutionError = Self.convolutionDifference()
  }

  private static func values(_ count: Int, _ stream: UInt64) -> [Float] {
    var random = CounterRandom(seed: 1, .arithmeticCheck, stream)
    return (0..<count).map { _ in Float(random.uniform(-1, 1)) }
  }

  private static func difference(_ got: some Sequence<Float>, _ truth: some Sequence<Double>) -> Double {
    var (largest, scale) = (0.0, 0.0)
    for (a, b) in zip(got, truth) {
      let error = abs(Double(a) - b)
      // NaN counts as an infinite error.
      largest = error.isNaN ? .infinity : max(largest, error)
      scale = max(scale, abs(b))
    }
    return largest / scale
  }

  private static func productDifference() -> Double {
    let (m, n, k) = (67, 130, 259)
    let (a, b) = (values(m * k, 1), values(k * n, 2))
    let plan = MatrixProduct(rows: m, columns: n, inner: k, rightTransposed: true)
    var c = [Float](repeating: 0, count: m * n)
    c.withUnsafeMutableBufferPointer { c in
      for task in 0..<plan.tasks { plan.multiply(a, b, into: c.baseAddress!, task: task) }
    }
    let truth = NaiveMatrixProduct.multiply(
      a.map(Double.init), b.map(Double.init), rows: m, columns: n, inner: k, leftTransposed: false,
      rightTransposed: true)
    return difference(c, truth)
  }

  private static func convolutionDifference() -> Double {
    let (channels, outputs, height, width) = (48, 32, 10, 7)
    let input = values(channels * height * width, 3)
    let weights = values(channels * outputs * 9, 4)
    let output = convolve(input, weights, inputs: channels, outputs: outputs, height: height, width: width)()
    let truth = NaiveConvolution(
      images: 1, inputChannels: channels, outputChannels: outputs, height: height, width: width
    ).apply(input, weights: weights, bias: nil, rectified: false)
    return withExtendedLifetime(output) { difference(output.buffer, truth.map(Double.init)) }
  }

  /// Prepares the weights, and returns a closure that convolves on the calling thread.
  private static func convolve(
    _ input: [Float], _ weights: [Float], inputs channels: Int, outputs: Int, height: Int, width: Int
  ) -> () -> AlignedMemory {
    let plan = WinogradConvolution(
      images: 1, inputChannels: channels, outputChannels: outputs, height: height, width: width)
    let prepared = AlignedMemory(floats: plan.preparedCount)
    for task in 0..<plan.preparationTasks { plan.prepare(weights, rotated: false, into: prepared.pointer, task: task) }
    let scratch = AlignedMemory(floats: plan.scratchFloats)
    let output = AlignedMemory(floats: outputs * height * width)
    return {
      for task in 0..<plan.tasks {
        plan.apply(
          input, prepared: prepared.pointer, bias: nil, rectified: false, into: output.pointer, task: task,
          scratch: scratch.pointer)
      }
      return output
    }
  }

  /// Measures the convolution on one thread with 128 channels at 80 x 80, in GFLOP/s of direct convolution.
  func convolutionGflops() -> Double {
    let (channels, side) = (128, 80)
    let run = Self.convolve(
      Self.values(channels * side * side, 5), Self.values(channels * channels * 9, 6), inputs: channels,
      outputs: channels, height: side, width: side)
    let seconds = Timing.repeated(3) { _ = run() }.min()!
    return 2 * Double(channels * channels * 9 * side * side) / seconds / 1e9
  }
}
