// Transposed fully convolutional layers.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct TransposedFullyConvolutionalTests {
  private func list(kernel: Int) -> LayerList {
    var list = LayerList(section: "n", input: ActivationShape(.rows, channels: 48, height: 2, width: 2))
    list.transposedFullyConvolutional("fc_deconv", 32, kernel: kernel, normalization: .authors)
    return list
  }

  @Test("The gradients of input, weights, scales and shifts equal differences.", arguments: [1, 2, 3])
  func gradientsEqualDifferences(kernel: Int) {
    #expect(SampleNetwork(list(kernel: kernel), images: 3).gradientFailures() == [])
  }

  @Test("Values equal the definition of the transposed convolution.", arguments: [1, 2, 3])
  func valuesEqualTheDefinition(kernel: Int) {
    let network = SampleNetwork(list(kernel: kernel), images: 3, smooth: false)
    network.forward()
    let spec = network.list.specs[0]
    let input = spec.input.naive(images: 3, rows: network.input)
    let (weights, bias) = (network.values("n.fc_deconv.weight"), network.values("n.fc_deconv.bias"))
    var sums = spec.output.naive(images: 3, blocked: network.output).like { _, k, _, _ in Double(bias[k]) }
    input.forEach { n, c, y, x in
      for k in 0..<32 {
        for tap in 0..<kernel * kernel {
          sums[n, k, y + tap / kernel, x + tap % kernel] +=
            Double(weights[(c * 32 + k) * kernel * kernel + tap]) * input[n, c, y, x]
        }
      }
    }
    let truth = NaiveBatchNormalization.forward(
      sums, scale: doubles(network.values("n.fc_deconv.bn.scale")),
      shift: doubles(network.values("n.fc_deconv.bn.shift")), epsilon: 1e-9, rectified: true)
    #expect(relativeError(network.stack.output.maps.naive.values.map { Float($0) }, truth.values) < 5e-6)
  }

  @Test("Shapes, multiply-adds and the geometry of the factors follow from the kernel.") func declarations() {
    let list = list(kernel: 3)
    let (spec, table) = (list.specs[0], list.parameterTable)
    #expect(spec.output == ActivationShape(.maps, channels: 32, height: 4, width: 4))
    #expect(spec.parameters[0].shape == [48, 32, 3, 3] && spec.parameters[0].gradient == .factored)
    #expect(spec.multiplyAdds == 4 * 48 * 32 * 9)
    #expect(table.factorRows(images: 5) == 20)
    let unfolding = table.factorUnfoldings(images: 5)["n.fc_deconv.weight"]
    #expect(unfolding?.rows == 20 && unfolding?.columns == 32 * 9 && unfolding?.mapFloats == 5 * spec.output.count)
  }
}
