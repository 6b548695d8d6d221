// Bilinear upsampling of score maps in rows to planes.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct BilinearUpsamplingTests {
  private func network(factor: Int) -> SampleNetwork {
    var list = LayerList(section: "n", input: ActivationShape(.rows, channels: 5, height: 2, width: 3))
    list.bilinearUpsampling("up", factor: factor)
    return SampleNetwork(list)
  }

  @Test("The gradient of the input equals differences.", arguments: [1, 2, 3, 8])
  func gradientEqualsDifferences(factor: Int) {
    #expect(network(factor: factor).gradientFailures() == [])
  }

  @Test("Values and gradients equal the naive twin.", arguments: [1, 2, 3, 8])
  func equalsTheNaiveTwin(factor: Int) {
    let network = network(factor: factor)
    network.forward()
    let spec = network.list.specs[0]
    let input = spec.input.naive(images: 2, rows: network.input)
    let truth = NaiveBilinearUpsampling.forward(input, factor: factor)
    #expect(relativeError(network.output, truth.values) < 3e-7)
    let gradient = NaiveMaps(
      images: 2, channels: 5, height: 2 * factor, width: 3 * factor, values: doubles(network.coefficients))
    let back = NaiveBilinearUpsampling.backward(gradient, shape: input, factor: factor)
    #expect(relativeError(network.backward().input!, back.rows) < 1e-6)
  }

  @Test("The output is in planes, `factor` times as high and wide.") func shape() {
    #expect(network(factor: 4).list.shape == ActivationShape(.planes, channels: 5, height: 8, width: 12))
  }
}
