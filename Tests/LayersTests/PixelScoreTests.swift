// The two scores of each pixel.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct PixelScoreTests {
  private func network() -> SampleNetwork {
    var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 32, height: 7, width: 5))
    list.pixelScore("score")
    return SampleNetwork(list, images: 3)
  }

  @Test("The gradients of input, weights and biases equal differences.") func gradientsEqualDifferences() {
    #expect(network().gradientFailures() == [])
  }

  @Test("Scores and gradients equal the naive twin.") func equalsTheNaiveTwin() {
    let network = network()
    network.forward()
    let input = network.inputs[0].maps.naive
    let weights = doubles(network.values("n.score.weight"))
    let truth = NaivePointwiseScore.apply(input, weights: weights, bias: doubles(network.values("n.score.bias")))
    #expect(relativeError(network.output, truth.values) < 1e-6)
    let gradient = NaiveMaps(images: 3, channels: 2, height: 7, width: 5, values: doubles(network.coefficients))
    let gradients = NaivePointwiseScore.backward(input, scoreGradient: gradient, weights: weights)
    let found = network.backward()
    #expect(relativeError(found["n.score.weight"], gradients.weights) < 1e-5)
    #expect(relativeError(found["n.score.bias"], gradients.bias) < 1e-5)
    #expect(relativeError(found.input!, doubles(gradients.dx.blocked)) < 1e-6)
  }

  @Test("The backward pass frees the input, and the weights start like those of a score layer.") func declarations() {
    let spec = network().list.specs[0]
    #expect(spec.backwardFreesInput && spec.parameters[0].initial == .scoreWeights)
    #expect(spec.output == ActivationShape(.planes, channels: 2, height: 7, width: 5))
    #expect(spec.multiplyAdds == 32 * 2 * 35)
  }
}
