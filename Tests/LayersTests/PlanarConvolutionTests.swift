// The first convolution, which reads the image planes.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct PlanarConvolutionTests {
  private func list(normalized: Bool, size: Int = 17) -> LayerList {
    var list = LayerList(section: "classification", input: ActivationShape(.planes, channels: 3, size: size))
    list.convolution3x3("conv1_1", 16, normalization: normalized ? .vgg16BN : nil)
    return list
  }

  @Test("The gradients of weights, biases, scales and shifts equal differences.", arguments: [false, true])
  func gradientsEqualDifferences(normalized: Bool) {
    let network = SampleNetwork(list(normalized: normalized), biases: normalized ? 0.3 : 6)
    #expect(network.stack.layers[0] is PlanarConvolutionLayer)
    #expect(network.gradientFailures() == [])
    #expect(network.backward().input == nil)
  }

  @Test("The forward pass and the weight gradient equal the naive twin.")
  func equalsTheNaiveTwin() {
    let network = SampleNetwork(list(normalized: false), smooth: false)
    network.forward()
    let naive = NaivePlanarConvolution(images: 2, outputChannels: 16, height: 17, width: 17)
    let (planes, weights) = (network.planes.array, network.values("classification.conv1_1.weight"))
    let truth = naive.apply(
      planes, weights: weights, bias: network.values("classification.conv1_1.bias"), rectified: true)
    #expect(relativeError(network.output, doubles(truth)) < 3e-6)
    let gradient = zip(network.coefficients, network.output).map { $1 > 0 ? $0 : 0 }
    #expect(
      relativeError(
        network.backward()["classification.conv1_1.weight"],
        doubles(naive.weightGradient(planes, outputGradient: gradient))) < 3e-6)
  }

  @Test("There is no data gradient, so the backward pass costs as much as the forward pass.")
  func backwardMultiplyAdds() {
    let spec = list(normalized: false).specs[0]
    #expect(spec.multiplyAdds == 3 * 16 * 9 * 17 * 17 && spec.backwardMultiplyAdds == spec.multiplyAdds)
    #expect(spec.backwardReadsOutput && !list(normalized: true).specs[0].backwardReadsOutput)
  }
}
