// Fully convolutional layers on maps and on rows, with each activation and either form of the weight gradient.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct FullyConvolutionalTests {
  private let maps = ActivationShape(.maps, channels: 32, height: 3, width: 3)
  private let rows = ActivationShape(.rows, channels: 48, height: 2, width: 2)

  private func list(
    _ input: ActivationShape, kernel: Int, normalized: Bool, gradient: GradientForm = .factored
  ) -> LayerList {
    var list = LayerList(section: "n", input: input)
    list.fullyConvolutional("fc", 64, kernel: kernel, gradient: gradient, normalization: normalized ? .authors : nil)
    return list
  }

  @Test(
    "The gradients on maps equal differences.", arguments: [1, 2, 3], [false, true])
  func gradientsOnMaps(kernel: Int, normalized: Bool) {
    // With a kernel of 3 there is one row an image, and batch normalization over few rows is far from linear.
    let network = SampleNetwork(
      list(maps, kernel: kernel, normalized: normalized), images: 24, biases: normalized ? 0.3 : 6)
    #expect(network.gradientFailures() == [])
  }

  @Test("The gradients on rows equal differences.", arguments: [false, true])
  func gradientsOnRows(normalized: Bool) {
    let network = SampleNetwork(
      list(rows, kernel: 1, normalized: normalized), images: 3, biases: normalized ? 0.3 : 6)
    #expect(network.gradientFailures() == [])
  }

  @Test("The gradients of a score layer equal differences.") func gradientsOfScores() {
    var list = LayerList(section: "n", input: rows)
    list.score("score", classes: 5)
    let network = SampleNetwork(list, images: 3)
    #expect(network.gradientFailures() == [])
    // Scores have no ReLU.
    #expect(network.output.contains { $0 < 0 } && network.output.contains { $0 > 0 })
  }

  @Test("Factored and stored weight gradients agree.", arguments: [false, true])
  func formsOfTheGradientAgree(normalized: Bool) {
    let gradients = [GradientForm.factored, .stored].map { form in
      let network = SampleNetwork(list(maps, kernel: 2, normalized: normalized, gradient: form), images: 3)
      network.forward()
      return network.backward()
    }
    for name in ["n.fc.weight", "n.fc.bias"] + (normalized ? ["n.fc.bn.scale", "n.fc.bn.shift"] : []) {
      #expect(relativeError(gradients[0][name], doubles(gradients[1][name])) < 2e-6, "\(name)")
    }
    #expect(identical(gradients[0].input!, gradients[1].input!))
  }

  @Test("Values equal the definition of the convolution.", arguments: [1, 2, 3])
  func valuesEqualTheDefinition(kernel: Int) {
    let network = SampleNetwork(list(maps, kernel: kernel, normalized: false), smooth: false)
    network.forward()
    let (input, output) = (network.inputs[0].maps.naive, network.list.shape)
    let (weights, bias) = (network.values("n.fc.weight"), network.values("n.fc.bias"))
    let truth = output.naive(images: 2, rows: network.output).like { n, k, y, x in
      var sum = Double(bias[k])
      for c in 0..<32 {
        for tap in 0..<kernel * kernel {
          sum +=
            Double(weights[(k * 32 + c) * kernel * kernel + tap]) * input[n, c, y + tap / kernel, x + tap % kernel]
        }
      }
      return max(sum, 0)
    }
    #expect(relativeError(network.output, truth.rows) < 2e-6)
  }

  @Test("The factors' rows and unfoldings follow from the layer's shapes.") func factorShapes() {
    for kernel in 1...3 {
      let table = list(maps, kernel: kernel, normalized: false).parameterTable
      let side = 4 - kernel
      #expect(table.factorRows(images: 5) == 5 * side * side)
      let unfolding = table.factorUnfoldings(images: 5)["n.fc.weight"]
      #expect(unfolding?.rows == 5 * side * side && unfolding?.columns == 32 * kernel * kernel)
      #expect(unfolding?.mapFloats == 5 * maps.count)
    }
    let onRows = list(rows, kernel: 1, normalized: true).parameterTable
    #expect(onRows.factorRows(images: 5) == 20 && onRows.factorUnfoldings(images: 5).isEmpty)
    let stored = list(maps, kernel: 2, normalized: false, gradient: .stored).parameterTable
    #expect(stored.factorRows(images: 5) == 0 && stored.factorUnfoldings(images: 5).isEmpty)
  }

  @Test("Score layers learn faster by their multiplier, biases twice as fast, without decay.") func multipliers() {
    var list = LayerList(section: "n", input: rows)
    list.score("score", classes: 7, rateMultiplier: 10)
    list.score("next", classes: 3)
    let parameters = list.parameterTable.parameters
    #expect(parameters.map(\.shape) == [[7, 48, 1, 1], [7], [3, 7, 1, 1], [3]])
    #expect(parameters.map(\.rateMultiplier) == [10, 20, 1, 2] && parameters.map(\.decayMultiplier) == [1, 0, 1, 0])
    #expect(parameters.allSatisfy { $0.gradient == .stored } && parameters[0].initial == .scoreWeights)
    #expect(list.specs[0].multiplyAdds == 48 * 7 * 4)
  }
}
