// 2x2 max pooling with the indices that it keeps.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct MaxPoolingTests {
  private func network() -> SampleNetwork {
    var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 32, height: 6, width: 8))
    list.maxPooling("pool")
    let network = SampleNetwork(list, images: 3)
    // One value of each window is far above the others, so that no step changes the winner.
    let input = network.inputs[0].maps
    for plane in 0..<3 * 32 {
      for window in 0..<12 {
        let winner = Int(ReferenceValues.mix(UInt32(plane * 12 + window)) % 4)
        input[plane / 32, plane % 32, window / 4 * 2 + winner / 2, window % 4 * 2 + winner % 2] += 3
      }
    }
    return network
  }

  @Test("The gradient of the input equals differences.") func gradientEqualsDifferences() {
    #expect(network().gradientFailures() == [])
  }

  @Test("Maxima, indices and the scattered gradient equal the naive twin.") func equalsTheNaiveTwin() {
    let network = network()
    network.forward()
    let truth = NaiveMaxPooling.pool(network.inputs[0].maps.naive)
    #expect(network.stack.output.maps.naive == truth.maxima)
    let layer = network.stack.layer("n.pool", as: MaxPoolingLayer.self)
    #expect(layer.indices.count == truth.places.values.count)
    #expect((0..<layer.indices.count).map { Float(layer.indices.pointer[$0]) } == truth.places.blocked)
    let gradient = network.list.shape.naive(images: 3, blocked: network.coefficients)
    #expect(identical(network.backward().input!, NaiveMaxPooling.scatter(gradient, places: truth.places).blocked))
  }

  @Test("The layer halves height and width, and its backward pass reads the indices only.") func declarations() {
    let spec = network().list.specs[0]
    #expect(spec.output == ActivationShape(.maps, channels: 32, height: 3, width: 4))
    #expect(!spec.backwardReadsOutput && spec.parameters.isEmpty && spec.multiplyAdds == 0)
  }
}
