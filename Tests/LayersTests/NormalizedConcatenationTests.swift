// The concatenation of normalized maps at the entrance of the bridging layers.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct NormalizedConcatenationTests {
  private func network(purpose: NetworkPurpose = .training) -> SampleNetwork {
    var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 16, height: 3, width: 4))
    list.normalizedConcatenation("join", normalizations: ["a_bn", "b_bn"], style: .authors)
    let network = SampleNetwork(list, inputs: 2, purpose: purpose, smooth: false)
    // As small as the saliency of fresh networks: a variance of about 3e-7 beside an epsilon of 1e-9.
    ReferenceValues.fill(network.inputs[1].values, "saliency", center: 1e-3, amplitude: 1e-3)
    return network
  }

  @Test("The gradients of scales and shifts equal differences, and no gradient goes further down.")
  func gradientsEqualDifferences() {
    let network = network()
    #expect(network.gradientFailures() == [])
    #expect(network.backward().input == nil)
  }

  @Test("Each input is normalized by itself, and the outputs lie one behind the other.") func equalsTheNaiveTwin() {
    let network = network()
    network.forward()
    let output = network.stack.output.maps.naive
    #expect(output.channels == 32)
    let gradient = network.list.shape.naive(images: 2, blocked: network.coefficients)
    let found = network.backward()
    for (part, name) in ["n.a_bn", "n.b_bn"].enumerated() {
      let input = network.inputs[part].maps.naive
      let (scale, shift) = (network.values("\(name).scale"), network.values("\(name).shift"))
      let truth = NaiveBatchNormalization.forward(
        input, scale: doubles(scale), shift: doubles(shift), epsilon: 1e-9, rectified: false)
      let own = input.like { n, c, y, x in output[n, 16 * part + c, y, x] }
      #expect(relativeError(own.values.map { Float($0) }, truth.values) < 1e-5, "\(name)")
      let ownGradient = input.like { n, c, y, x in gradient[n, 16 * part + c, y, x] }
      let gradients = NaiveBatchNormalization.backward(
        input, outputGradient: ownGradient, scale: doubles(scale), shift: doubles(shift), epsilon: 1e-9,
        rectified: false)
      #expect(relativeError(found["\(name).scale"], gradients.scale) < 1e-5, "\(name)")
      #expect(relativeError(found["\(name).shift"], gradients.shift) < 1e-5, "\(name)")
    }
  }

  @Test("The layer declares one normalization for each input, as a layer of its own.") func declarations() {
    let list = network().list
    #expect(list.parameterTable.layers.map(\.name) == ["n.a_bn", "n.b_bn"])
    #expect(
      list.statisticsTable.parameters.map(\.name) == [
        "n.a_bn.mean", "n.a_bn.variance", "n.b_bn.mean", "n.b_bn.variance",
      ])
    #expect(list.shape == ActivationShape(.maps, channels: 32, height: 3, width: 4))
  }
}
