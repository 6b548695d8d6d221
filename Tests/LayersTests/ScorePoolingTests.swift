// Averages and maxima of the class score map.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct ScorePoolingTests {
  private func network() -> SampleNetwork {
    var list = LayerList(section: "n", input: ActivationShape(.rows, channels: 5, height: 2, width: 3))
    list.scorePooling("pooling")
    return SampleNetwork(list, images: 3)
  }

  @Test("The gradient of the averages equals differences.") func gradientEqualsDifferences() {
    #expect(network().gradientFailures() == [])
  }

  @Test("Averages, maxima and positions equal the naive twin.") func equalsTheNaiveTwin() {
    let network = network()
    network.forward()
    let truth = NaiveScorePooling.pool(doubles(network.input), images: 3, positions: 6, classes: 5)
    #expect(relativeError(network.output, truth.averages) < 1e-7)
    let maxima = AlignedMemory(floats: 15)
    var positions = [Int32](repeating: -1, count: 15)
    network.stack.layer("n.pooling", as: ScorePoolingLayer.self).maximum(into: maxima, positions: &positions)
    #expect(doubles(maxima.array) == truth.maxima)
    #expect(positions.map(Int.init) == truth.winners)
  }

  @Test("The output has one row an image.") func shape() {
    #expect(network().list.shape == ActivationShape(.rows, channels: 5, size: 1))
  }
}
