// The direct convolutions: equal bit for bit to the chain of sums of their definition, and close to the twins in
// Double.
import Kernels
import Testing

private func directApply(
  _ shape: ConvolutionShape, _ input: [Float], weights: [Float], rotated: Bool, bias: [Float]?, rectified: Bool = false,
  order: TaskOrder = .rising
) -> [Float] {
  let plan = DirectConvolution(
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
        (bias ?? []).withUnsafeBufferPointer { values in
          plan.apply(
            input, prepared: prepared.baseAddress!, bias: bias == nil ? nil : values.baseAddress!, rectified: rectified,
            into: output.baseAddress!, task: task, scratch: scratch)
        }
      }
    }
  }
  return output
}

private func directWeightGradient(
  _ shape: ConvolutionShape, _ input: [Float], _ outputGradient: [Float], order: TaskOrder = .rising
) -> [Float] {
  let plan = DirectWeightGradient(
    images: shape.images, inputChannels: shape.inputs, outputChannels: shape.outputs, height: shape.height,
    width: shape.width)
  var gradient = [Float](repeating: .nan, count: shape.weightCount)
  gradient.withUnsafeMutableBufferPointer { gradient in
    order.run(plan.tasks, scratchFloats: plan.scratchFloats) { task, scratch in
      plan.sum(input: input, outputGradient: outputGradient, into: gradient.baseAddress!, task: task, scratch: scratch)
    }
  }
  return gradient
}

@Suite struct DirectConvolutionTests {
  /// Returns the place of a value in maps (N, C/16, H, W, 16), or nil outside of the map.
  private static func place(
    _ s: ConvolutionShape, channels: Int, image n: Int, channel c: Int, y: Int, x: Int
  ) -> Int? {
    guard y >= 0, y < s.height, x >= 0, x < s.width else { return nil }
    return (((n * (channels / 16) + c / 16) * s.height + y) * s.width + x) * 16 + c % 16
  }

  /// Returns the outputs, each one chain of fused multiply-adds over channels, then rows, then columns of the kernel.
  private static func chains(
    _ s: ConvolutionShape, _ input: [Float], weights: [Float], rotated: Bool, bias: [Float]
  ) -> [Float] {
    var output = [Float](repeating: .nan, count: s.outputCount)
    for n in 0..<s.images {
      for k in 0..<s.outputs {
        for y in 0..<s.height {
          for x in 0..<s.width {
            var sum: Float = 0
            for c in 0..<s.inputs {
              for tap in 0..<9 {
                let weight =
                  rotated ? weights[(c * s.outputs + k) * 9 + 8 - tap] : weights[(k * s.inputs + c) * 9 + tap]
                if let from = place(s, channels: s.inputs, image: n, channel: c, y: y + tap / 3 - 1, x: x + tap % 3 - 1)
                {
                  sum.addProduct(weight, input[from])
                }
              }
            }
            output[place(s, channels: s.outputs, image: n, channel: k, y: y, x: x)!] = sum + bias[k]
          }
        }
      }
    }
    return output
  }

  @Test("Every output is one chain of fused multiply-adds.", arguments: ConvolutionShape.awkward, [false, true])
  func everyOutputIsOneChain(_ shape: ConvolutionShape, rotated: Bool) {
    let input = testValues(shape.inputCount, key: 1)
    let weights = testValues(shape.weightCount, key: 2)
    let bias = testValues(shape.outputs, key: 3)
    let output = directApply(shape, input, weights: weights, rotated: rotated, bias: bias)
    #expect(output == Self.chains(shape, input, weights: weights, rotated: rotated, bias: bias))
    let rectified = directApply(
      shape, input, weights: weights, rotated: rotated, bias: bias, rectified: true, order: .shuffled)
    #expect(rectified == output.map { max($0, 0) })
  }

  @Test("Every weight gradient is one chain of fused multiply-adds.", arguments: ConvolutionShape.awkward)
  func everyWeightsGradientIsOneChain(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 11)
    let outputGradient = testValues(shape.outputCount, key: 12)
    var expected = [Float](repeating: 0, count: shape.weightCount)
    for n in 0..<shape.images {
      for y in 0..<shape.height {
        for x in 0..<shape.width {
          for index in expected.indices {
            let (k, c, tap) = (index / 9 / shape.inputs, index / 9 % shape.inputs, index % 9)
            guard
              let from = Self.place(
                shape, channels: shape.inputs, image: n, channel: c, y: y + tap / 3 - 1, x: x + tap % 3 - 1)
            else { continue }
            expected[index].addProduct(
              outputGradient[Self.place(shape, channels: shape.outputs, image: n, channel: k, y: y, x: x)!], input[from]
            )
          }
        }
      }
    }
    #expect(directWeightGradient(shape, input, outputGradient) == expected)
    #expect(directWeightGradient(shape, input, outputGradient, order: .shuffled) == expected)
  }

  @Test("All passes agree with the naive twins.", arguments: ConvolutionShape.awkward)
  func theyAgreeWithTheTwinsInDouble(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 4)
    let weights = testValues(shape.weightCount, key: 5)
    let outputGradient = testValues(shape.outputCount, key: 6)
    let output = directApply(shape, input, weights: weights, rotated: false, bias: nil)
    #expect(relativeL2Error(output, shape.naive.apply(input, weights: weights, bias: nil, rectified: false)) < 2e-6)
    let transposed = directApply(shape, input, weights: weights, rotated: true, bias: nil)
    #expect(
      relativeL2Error(transposed, shape.naive.applyTransposed(input, weights: weights, bias: nil, rectified: false))
        < 2e-6)
    let gradient = directWeightGradient(shape, input, outputGradient)
    #expect(relativeL2Error(gradient, shape.naive.weightGradient(input, outputGradient: outputGradient)) < 5e-6)
  }
}
