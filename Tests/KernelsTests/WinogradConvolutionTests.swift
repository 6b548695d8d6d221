import Kernels
// Winograd's convolutions against their naive twins, against each other as adjoints, and in any order of tasks.
import Testing

/// A shape of a layer, written as `images x channels in -> out at height x width`.
struct ConvolutionShape: CustomTestStringConvertible, Sendable {
  var images: Int
  var inputs: Int
  var outputs: Int
  var height: Int
  var width: Int
  var testDescription: String { "\(images) x \(inputs)->\(outputs) at \(height)x\(width)" }

  /// Maps smaller than a tile, odd sizes, channels that leave a panel of 16, more tiles than a block, cut channels.
  static let awkward = [
    ConvolutionShape(images: 1, inputs: 16, outputs: 16, height: 1, width: 1),
    ConvolutionShape(images: 3, inputs: 16, outputs: 48, height: 1, width: 1),
    ConvolutionShape(images: 5, inputs: 16, outputs: 48, height: 2, width: 2),
    ConvolutionShape(images: 2, inputs: 48, outputs: 16, height: 5, width: 7),
    ConvolutionShape(images: 4, inputs: 32, outputs: 80, height: 6, width: 6),
    ConvolutionShape(images: 1, inputs: 64, outputs: 32, height: 13, width: 9),
    ConvolutionShape(images: 2, inputs: 16, outputs: 48, height: 33, width: 20),
    ConvolutionShape(images: 1, inputs: 16, outputs: 32, height: 1, width: 130),
    ConvolutionShape(images: 2, inputs: 16, outputs: 16, height: 61, width: 66),
    ConvolutionShape(images: 2, inputs: 144, outputs: 272, height: 3, width: 4),
    ConvolutionShape(images: 3, inputs: 64, outputs: 160, height: 21, width: 19),
  ]

  var inputCount: Int { images * inputs * height * width }
  var outputCount: Int { images * outputs * height * width }
  var weightCount: Int { inputs * outputs * 9 }

  var naive: NaiveConvolution {
    NaiveConvolution(images: images, inputChannels: inputs, outputChannels: outputs, height: height, width: width)
  }
}

/// The order in which tasks run, and scratch filled with NaN so that what is read before it is written shows.
enum TaskOrder {
  case rising, falling, shuffled

  func run(_ count: Int, scratchFloats: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void) {
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: scratchFloats)
    defer { scratch.deallocate() }
    for step in 0..<count {
      scratch.update(repeating: .nan, count: scratchFloats)
      switch self {
      case .rising: body(step, scratch)
      case .falling: body(count - 1 - step, scratch)
      case .shuffled: body((step * 7919 + 3) % count, scratch)
      }
    }
  }
}

/// Values in -1..<1 that depend on the index and a key alone.
func testValues(_ count: Int, key: UInt64) -> [Float] {
  (0..<count).map { index in
    var x = (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15 &+ key &* 0xD1B5_4A32_D192_ED03
    x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float(Int64(bitPattern: x ^ (x >> 31)) >> 40) / Float(1 << 23)
  }
}

/// |a - b| / |b| in the Euclidean norm; NaN anywhere gives NaN.
func relativeL2Error(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count)
  var (difference, norm) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    norm += Double(y) * Double(y)
  }
  return (difference / max(norm, 1e-30)).squareRoot()
}

func innerProduct(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }

func winogradApply(
  _ shape: ConvolutionShape, _ input: [Float], weights: [Float], rotated: Bool, bias: [Float]? = nil,
  rectified: Bool = false, order: TaskOrder = .rising
) -> [Float] {
  let plan = WinogradConvolution(
    images: shape.images, inputChannels: shape.inputs, outputChannels: shape.outputs, height: shape.height,
    width: shape.width)
  var prepared = [Float](repeating: .nan, count: plan.preparedCount)
  var output = [Float](repeating: .nan, count: shape.outputCount)
  prepared.withUnsafeMutableBufferPointer { prepared in
    order.run(plan.preparationTasks, scratchFloats: 1) { task, _ in
      plan.prepare(weights, rotated: rotated, into: prepared.baseAddress!, task: task)
    }
    output.withUnsafeMutableBufferPointer { output in
      order.run(plan.tasks, scratchFloats: plan.scratchFloats) { task, scratch in
        if let bias {
          plan.apply(
            input, prepared: prepared.baseAddress!, bias: bias, rectified: rectified, into: output.baseAddress!,
            task: task, scratch: scratch)
        } else {
          plan.apply(
            input, prepared: prepared.baseAddress!, bias: nil, rectified: rectified, into: output.baseAddress!,
            task: task, scratch: scratch)
        }
      }
    }
  }
  return output
}

@Suite struct WinogradConvolutionTests {
  @Test(arguments: ConvolutionShape.awkward)
  func forwardPassAgreesWithTheNaiveOne(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 1)
    let weights = testValues(shape.weightCount, key: 2)
    let bias = testValues(shape.outputs, key: 3)
    let plain = winogradApply(shape, input, weights: weights, rotated: false)
    #expect(relativeL2Error(plain, shape.naive.apply(input, weights: weights, bias: nil, rectified: false)) < 5e-6)
    let rectified = winogradApply(shape, input, weights: weights, rotated: false, bias: bias, rectified: true)
    #expect(relativeL2Error(rectified, shape.naive.apply(input, weights: weights, bias: bias, rectified: true)) < 5e-6)
    #expect(rectified.allSatisfy { $0 >= 0 })
  }

  @Test(arguments: ConvolutionShape.awkward)
  func turnedPassIsTheDataGradientAndTheTransposedConvolution(_ shape: ConvolutionShape) {
    // The plan's inputs are the layer's outputs: weights [in][out] are the layer's [K][C].
    let layer = NaiveConvolution(
      images: shape.images, inputChannels: shape.outputs, outputChannels: shape.inputs, height: shape.height,
      width: shape.width)
    let input = testValues(shape.inputCount, key: 4)
    let weights = testValues(shape.weightCount, key: 5)
    let bias = testValues(shape.outputs, key: 6)
    let gradient = winogradApply(shape, input, weights: weights, rotated: true)
    #expect(relativeL2Error(gradient, layer.dataGradient(input, weights: weights)) < 5e-6)
    let transposed = winogradApply(shape, input, weights: weights, rotated: true, bias: bias, rectified: true)
    let expected = shape.naive.applyTransposed(input, weights: weights, bias: bias, rectified: true)
    #expect(relativeL2Error(transposed, expected) < 5e-6)
  }

  @Test(arguments: ConvolutionShape.awkward)
  func everyOrderOfTasksGivesTheSameBits(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 7)
    let weights = testValues(shape.weightCount, key: 8)
    let bias = testValues(shape.outputs, key: 9)
    let outputs = [TaskOrder.rising, .falling, .shuffled].map {
      winogradApply(shape, input, weights: weights, rotated: false, bias: bias, order: $0)
    }
    #expect(outputs[0] == outputs[1])
    #expect(outputs[0] == outputs[2])
  }

  @Test func aNaNReachesTheRectifiedOutput() {
    let shape = ConvolutionShape(images: 1, inputs: 16, outputs: 16, height: 4, width: 4)
    var input = testValues(shape.inputCount, key: 1)
    input[5] = .nan
    let weights = testValues(shape.weightCount, key: 2)
    let output = winogradApply(shape, input, weights: weights, rotated: false, rectified: true)
    #expect(output.contains { $0.isNaN })
  }
}
