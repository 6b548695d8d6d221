// The planar convolution and its weight gradient against their naive twins, and in any order of tasks.
import Kernels
import Testing

@Suite struct PlanarConvolutionTests {
  /// Images, output channels, height, width.
  static let shapes = [(1, 16, 1, 1), (2, 48, 2, 2), (1, 64, 5, 7), (3, 16, 13, 9), (2, 32, 33, 20), (1, 80, 17, 25)]

  func forward(_ shape: (Int, Int, Int, Int), bias: Bool, rectified: Bool, order: TaskOrder) -> [Float] {
    let (images, channels, height, width) = shape
    let plan = PlanarConvolution(images: images, outputChannels: channels, height: height, width: width)
    let planes = testValues(images * 3 * height * width, key: 21)
    let weights = testValues(channels * 27, key: 22)
    let biases = testValues(channels, key: 23)
    var prepared = [Float](repeating: .nan, count: plan.preparedCount)
    var output = [Float](repeating: .nan, count: images * channels * height * width)
    prepared.withUnsafeMutableBufferPointer { prepared in
      for task in 0..<plan.preparationTasks { plan.prepare(weights, into: prepared.baseAddress!, task: task) }
      output.withUnsafeMutableBufferPointer { output in
        biases.withUnsafeBufferPointer { biases in
          order.run(plan.tasks, scratchFloats: plan.scratchFloats) { task, scratch in
            plan.apply(
              planes, prepared: prepared.baseAddress!, bias: bias ? biases.baseAddress! : nil, rectified: rectified,
              into: output.baseAddress!, task: task, scratch: scratch)
          }
        }
      }
    }
    return output
  }

  func weightGradient(_ shape: (Int, Int, Int, Int), order: TaskOrder) -> [Float] {
    let (images, channels, height, width) = shape
    let plan = PlanarWeightGradient(images: images, outputChannels: channels, height: height, width: width)
    let planes = testValues(images * 3 * height * width, key: 21)
    let outputGradient = testValues(images * channels * height * width, key: 24)
    var workspace = [Float](repeating: .nan, count: plan.workspaceFloats)
    var gradient = [Float](repeating: .nan, count: channels * 27)
    workspace.withUnsafeMutableBufferPointer { workspace in
      order.run(plan.accumulationTasks, scratchFloats: plan.scratchFloats) { task, scratch in
        plan.accumulate(
          planes: planes, outputGradient: outputGradient, workspace: workspace.baseAddress!, task: task,
          scratch: scratch)
      }
      gradient.withUnsafeMutableBufferPointer { gradient in
        order.run(plan.finishTasks, scratchFloats: plan.scratchFloats) { task, scratch in
          plan.finish(workspace: workspace.baseAddress!, into: gradient.baseAddress!, task: task, scratch: scratch)
        }
      }
    }
    return gradient
  }

  @Test("The forward pass agrees with the naive twin.", arguments: shapes)
  func forwardPassAgreesWithTheNaiveOne(_ shape: (Int, Int, Int, Int)) {
    let (images, channels, height, width) = shape
    let naive = NaivePlanarConvolution(images: images, outputChannels: channels, height: height, width: width)
    let planes = testValues(images * 3 * height * width, key: 21)
    let weights = testValues(channels * 27, key: 22)
    let plain = forward(shape, bias: false, rectified: false, order: .rising)
    #expect(relativeL2Error(plain, naive.apply(planes, weights: weights, bias: nil, rectified: false)) < 1e-6)
    let rectified = forward(shape, bias: true, rectified: true, order: .rising)
    let expected = naive.apply(planes, weights: weights, bias: testValues(channels, key: 23), rectified: true)
    #expect(relativeL2Error(rectified, expected) < 1e-6)
  }

  @Test("The weight gradient agrees with the naive twin.", arguments: shapes)
  func weightGradientAgreesWithTheNaiveOne(_ shape: (Int, Int, Int, Int)) {
    let (images, channels, height, width) = shape
    let naive = NaivePlanarConvolution(images: images, outputChannels: channels, height: height, width: width)
    let planes = testValues(images * 3 * height * width, key: 21)
    let outputGradient = testValues(images * channels * height * width, key: 24)
    let expected = naive.weightGradient(planes, outputGradient: outputGradient)
    #expect(relativeL2Error(weightGradient(shape, order: .rising), expected) < 1e-6)
  }

  @Test("Every order of tasks gives the same bits.", arguments: shapes)
  func everyOrderOfTasksGivesTheSameBits(_ shape: (Int, Int, Int, Int)) {
    let outputs = [TaskOrder.rising, .falling, .shuffled].map { forward(shape, bias: true, rectified: true, order: $0) }
    #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    let gradients = [TaskOrder.rising, .falling, .shuffled].map { weightGradient(shape, order: $0) }
    #expect(gradients[0] == gradients[1] && gradients[0] == gradients[2])
  }
}
