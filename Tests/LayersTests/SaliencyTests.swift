// The saliency of label choices: the derivative of the seeded maxima of the score maps by pool5.
import Compute
import Layers
import TestSupport
import Testing

@Suite struct SaliencyTests {
  private let classes = 4

  private func network() -> SampleNetwork {
    var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 32, size: 3))
    list.fullyConvolutional("fc6", 64, kernel: 2, gradient: .factored)
    list.fullyConvolutional("fc7", 48, kernel: 1, gradient: .factored)
    list.score("score", classes: classes)
    list.scorePooling("pooling")
    let network = SampleNetwork(list, images: 3, purpose: .inference, biases: 6)
    // The inputs of fc7 are large; small weights keep it away from its corners.
    for index in network.parameters["n.fc7.weight"].indices { network.parameters["n.fc7.weight"][index] *= 0.1 }
    return network
  }

  private func saliency(of network: SampleNetwork) -> Saliency {
    func dense(_ name: String) -> FullyConvolutionalLayer {
      network.stack.layer("n.\(name)", as: FullyConvolutionalLayer.self)
    }
    return Saliency(
      "n.saliency", images: 3, layers: (fc6: dense("fc6"), fc7: dense("fc7"), score: dense("score")),
      context: network.context)
  }

  /// Maxima [N][L] and their positions after a forward pass.
  private func maxima(_ network: SampleNetwork) -> (values: [Float], positions: [Int32]) {
    network.forward()
    let values = AlignedMemory(floats: 3 * classes)
    var positions = [Int32](repeating: 0, count: 3 * classes)
    network.stack.layer("n.pooling", as: ScorePoolingLayer.self).maximum(into: values, positions: &positions)
    return (values.array, positions)
  }

  private func values(_ saliency: Saliency) -> [Float] {
    Array(UnsafeBufferPointer(start: saliency.output.data, count: saliency.output.count))
  }

  @Test("The saliency equals differences of the seeded maxima.") func equalsDifferences() {
    let network = network()
    let saliency = saliency(of: network)
    // Labels that are not chosen have no seed.
    let seeds: [Float] = [0.9, 0, 0.4, 0, 0, 0.7, 0, 0, 0.5, 0.6, 0.7, 0.8]
    func loss() -> Double { zip(seeds, maxima(network).values).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    let (values, positions) = maxima(network)
    #expect(Set(positions).count > 1, "all maxima lie at one position, so the comparison shows little")
    saliency.forward(owners: [0, 1, 2], seeds: seeds, positions: positions)
    let noise = 20 * 6e-8 * zip(seeds, values).reduce(0.0) { $0 + Double($1.0 * $1.0 * $1.1 * $1.1) }.squareRoot()
    let check = GradientCheck(noise: noise, loss: loss)
    #expect(check.failures("pool5", network.inputBuffer, gradient: self.values(saliency)) == [])
  }

  @Test("Choices are independent of each other and of their place.") func choicesAreIndependent() {
    let network = network()
    let saliency = saliency(of: network)
    let positions = maxima(network).positions
    let one: [Float] = [0, 0.5, 0, 0.25]
    let other: [Float] = [0.75, 0, 0, 0]
    let none = [Float](repeating: 0, count: classes)
    saliency.forward(owners: [2, 2, 1], seeds: one + other + one, positions: positions)
    let floats = saliency.output.count / 3
    let together = values(saliency)
    saliency.forward(owners: [1, 2, 2], seeds: one + none + one, positions: positions)
    let apart = values(saliency)
    #expect(relativeError(together[(2 * floats)...], doubles(apart[..<floats])) < 1e-6)
    #expect(relativeError(together[..<floats], doubles(apart[(2 * floats)...])) < 1e-6)
    #expect(apart[floats..<2 * floats].allSatisfy { $0 == 0 })
    #expect(relativeError(together[floats..<2 * floats], doubles(together[..<floats])) > 1e-2)
  }

  @Test("Without any seed the saliency is zero.") func noSeeds() {
    let network = network()
    let saliency = saliency(of: network)
    let positions = maxima(network).positions
    saliency.forward(owners: [0, 1, 2], seeds: [Float](repeating: 1, count: 12), positions: positions)
    #expect(values(saliency).contains { $0 != 0 })
    saliency.forward(owners: [0, 1, 2], seeds: [Float](repeating: 0, count: 12), positions: positions)
    #expect(values(saliency).allSatisfy { $0 == 0 })
  }
}
