// Winograd's convolutions against their naive twins, against each other as adjoints, and in any order of tasks.
import Kernels
import Testing

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
  @Test("The forward pass agrees with the naive twin.", arguments: ConvolutionShape.awkward)
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

  @Test("The rotated pass is the data gradient and the transposed convolution.", arguments: ConvolutionShape.awkward)
  func rotatedPassIsTheDataGradientAndTheTransposedConvolution(_ shape: ConvolutionShape) {
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

  @Test("Every order of tasks gives the same bits.", arguments: ConvolutionShape.awkward)
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

  @Test("A NaN passes through the rectification.") func aNaNReachesTheRectifiedOutput() {
    let shape = ConvolutionShape(images: 1, inputs: 16, outputs: 16, height: 4, width: 4)
    var input = testValues(shape.inputCount, key: 1)
    input[5] = .nan
    let weights = testValues(shape.weightCount, key: 2)
    let output = winogradApply(shape, input, weights: weights, rotated: false, rectified: true)
    #expect(output.contains { $0.isNaN })
  }
}
