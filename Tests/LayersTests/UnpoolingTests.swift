// Unpooling: the scatter of values to the places of maxima, and the gather of their gradients.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct UnpoolingTests {
  private let shape = ActivationShape(.maps, channels: 32, height: 3, width: 5)

  private func network() -> (SampleNetwork, places: NaiveMaps) {
    var list = LayerList(section: "n", input: shape)
    list.unpooling("unpool", indicesOf: "other.pool")
    let indices = PoolingIndices(count: 2 * shape.count)
    for index in 0..<indices.count { indices.pointer[index] = UInt8(ReferenceValues.mix(UInt32(index)) % 4) }
    let places = shape.naive(images: 2, blocked: (0..<indices.count).map { Float(indices.pointer[$0]) })
    return (SampleNetwork(list, poolingIndices: ["other.pool": indices]), places)
  }

  @Test("The gradient of the input equals differences.") func gradientEqualsDifferences() {
    #expect(network().0.gradientFailures() == [])
  }

  @Test("Values and gradients equal the naive twin.") func equalsTheNaiveTwin() {
    let (network, places) = network()
    network.forward()
    #expect(
      network.stack.output.maps.naive == NaiveMaxPooling.scatter(network.inputs[0].maps.naive, places: places))
    let gradient = network.list.shape.naive(images: 2, blocked: network.coefficients)
    #expect(identical(network.backward().input!, NaiveMaxPooling.gather(gradient, places: places).blocked))
  }

  @Test("The layer doubles height and width, and its backward pass reads the indices only.") func declarations() {
    let spec = network().0.list.specs[0]
    #expect(spec.output == ActivationShape(.maps, channels: 32, height: 6, width: 10))
    #expect(!spec.backwardReadsOutput && !spec.backwardFreesInput)
  }
}
