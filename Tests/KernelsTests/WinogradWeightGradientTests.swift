// The weight gradient in the Winograd domain against its naive twin, as an adjoint, and in any order of tasks.
import Kernels
import Testing

func winogradWeightGradient(
  _ shape: ConvolutionShape, _ input: [Float], _ outputGradient: [Float], order: TaskOrder = .rising
) -> [Float] {
  let plan = WinogradWeightGradient(
    images: shape.images, inputChannels: shape.inputs, outputChannels: shape.outputs, height: shape.height,
    width: shape.width)
  var workspace = [Float](repeating: .nan, count: plan.workspaceFloats)
  var gradient = [Float](repeating: .nan, count: shape.weightCount)
  workspace.withUnsafeMutableBufferPointer { workspace in
    order.run(plan.accumulationTasks, scratchFloats: plan.scratchFloats) { task, scratch in
      plan.accumulate(
        input: input, outputGradient: outputGradient, workspace: workspace.baseAddress!, task: task, scratch: scratch)
    }
    gradient.withUnsafeMutableBufferPointer { gradient in
      order.run(plan.finishTasks, scratchFloats: plan.scratchFloats) { task, scratch in
        plan.finish(workspace: workspace.baseAddress!, into: gradient.baseAddress!, task: task, scratch: scratch)
      }
    }
  }
  return gradient
}

@Suite struct WinogradWeightGradientTests {
  @Test("The gradient agrees with the naive twin.", arguments: ConvolutionShape.awkward)
  func gradientAgreesWithTheNaiveOne(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 11)
    let outputGradient = testValues(shape.outputCount, key: 12)
    let gradient = winogradWeightGradient(shape, input, outputGradient)
    let expected = shape.naive.weightGradient(input, outputGradient: outputGradient)
    #expect(relativeL2Error(gradient, expected) < 5e-6)
  }

  @Test("The forward pass, the data gradient and the weight gradient are adjoint.", arguments: ConvolutionShape.awkward)
  func forwardDataGradientAndWeightGradientAreAdjoint(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 13)
    let weights = testValues(shape.weightCount, key: 14)
    // y = conv(x): the products below are then far from 0.
    let output = winogradApply(shape, input, weights: weights, rotated: false)
    let rotatedShape = ConvolutionShape(
      images: shape.images, inputs: shape.outputs, outputs: shape.inputs, height: shape.height, width: shape.width)
    let dataGradient = winogradApply(rotatedShape, output, weights: weights, rotated: true)
    let weightGradient = winogradWeightGradient(shape, input, output)
    let product = innerProduct(output, output)
    #expect(abs(innerProduct(input, dataGradient) - product) < 5e-6 * product)
    #expect(abs(innerProduct(weights, weightGradient) - product) < 5e-6 * product)
  }

  @Test("Every order of tasks gives the same bits.", arguments: ConvolutionShape.awkward)
  func everyOrderOfTasksGivesTheSameBits(_ shape: ConvolutionShape) {
    let input = testValues(shape.inputCount, key: 15)
    let outputGradient = testValues(shape.outputCount, key: 16)
    let gradients = [TaskOrder.rising, .falling, .shuffled].map {
      winogradWeightGradient(shape, input, outputGradient, order: $0)
    }
    #expect(gradients[0] == gradients[1])
    #expect(gradients[0] == gradients[2])
  }

  @Test("The workspace stays bounded at the shapes of VGG16.") func workspaceStaysBoundedAtTheShapesOfVGG() {
    for (channels, size) in [(64, 320), (128, 160), (256, 80), (512, 40), (512, 20)] {
      let plan = WinogradWeightGradient(
        images: 4, inputChannels: channels, outputChannels: channels, height: size, width: size)
      #expect(plan.workspaceFloats * 4 <= 200_000_000)
      #expect(plan.accumulationTasks >= 16)
    }
  }

  @Test(
    "Layers at a quarter of the width and 96 x 96 have tasks for several threads.",
    arguments: [(16, 16, 96), (16, 32, 48), (32, 32, 48), (64, 64, 24), (128, 128, 12), (128, 128, 6)])
  func smallMapsHaveTasksForSeveralThreads(_ shape: (Int, Int, Int)) {
    let (inputs, outputs, size) = shape
    let forward = WinogradConvolution(
      images: 4, inputChannels: inputs, outputChannels: outputs, height: size, width: size)
    let gradient = WinogradWeightGradient(
      images: 4, inputChannels: inputs, outputChannels: outputs, height: size, width: size)
    #expect(forward.tasks >= 8)
    #expect(gradient.accumulationTasks >= 8)
  }

  @Test("Wide layers have sixteen tasks.") func wideMapsHaveSixteenTasks() {
    for size in [40, 20] {
      let plan = WinogradConvolution(images: 4, inputChannels: 512, outputChannels: 512, height: size, width: size)
      #expect(plan.tasks >= 16)
    }
  }
}
