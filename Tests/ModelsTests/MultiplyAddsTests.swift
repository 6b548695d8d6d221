// Tests of the multiply-adds of layers, steps and inference against the table of docs/reference.md, section 5.
import Models
import Testing

@Suite struct MultiplyAddsTests {
  private static let paper = DecoupledNet(
    NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false))

  private func mega(_ count: Int) -> Double { (Double(count) / 1e4).rounded() / 100 }

  private func sum(_ prefix: String) -> Int {
    Self.paper.multiplyAddsByLayer.reduce(0) { $0 + ($1.key.hasPrefix(prefix) ? $1.value : 0) }
  }

  /// The counts are in millions.
  @Test(
    "Each layer's multiply-adds equal the table.",
    arguments: [
      ("classification.conv1_1", 176.95), ("classification.conv2_1", 1887.44), ("classification.conv4_2", 3774.87),
      ("classification.conv5_3", 943.72), ("classification.fc6", 1644.17), ("classification.fc7", 268.44),
      ("classification.score", 1.31), ("bridging.fc6", 1644.17), ("bridging.fc7", 67.11),
      ("bridging.fc6_deconv", 822.08), ("segmentation.deconv5_1", 943.72), ("segmentation.deconv4_3", 1887.44),
      ("segmentation.deconv2_2", 1887.44), ("segmentation.deconv1_2", 3774.87), ("segmentation.score", 13.11),
    ])
  func layersEqualTheTable(layer: String, millions: Double) {
    #expect(mega(Self.paper.multiplyAddsByLayer[layer]!) == millions)
  }

  @Test("The sums of networks, steps and inference equal the table.") func sumsEqualTheTable() {
    let paper = Self.paper
    #expect(abs(mega(sum("classification.")) - 33_233.6) < 0.06)
    #expect(abs(mega(sum("bridging.") + sum("segmentation.")) - 37_464.0) < 0.06)
    #expect(abs(Double(paper.multiplyAdds(of: DecoupledNet.phases[0])) / 1e9 - 99.524) < 0.001)
    #expect(abs(Double(paper.multiplyAdds(of: DecoupledNet.phases[1])) / 1e9 - 147.540) < 0.001)
    #expect(abs(Double(paper.inferenceMultiplyAdds) / 1e9 - (33.234 + 2 * 39.378)) < 0.002)
    #expect(paper.multiplyAddsByLayer.count == 33)
  }
}
