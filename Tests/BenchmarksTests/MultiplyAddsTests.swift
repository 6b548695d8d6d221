import Benchmarks
import Models
import Testing

struct MultiplyAddsTests {
  let paper = MultiplyAdds(NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false))

  private func mega(_ count: Int) -> Double { (Double(count) / 1e4).rounded() / 100 }

  /// The table of docs/reference.md, section 5, in millions.
  @Test(arguments: [
    ("classification.conv1_1", 176.95), ("classification.conv2_1", 1887.44), ("classification.conv4_2", 3774.87),
    ("classification.conv5_3", 943.72), ("classification.fc6", 1644.17), ("classification.fc7", 268.44),
    ("classification.score", 1.31), ("bridging.fc6", 1644.17), ("bridging.fc7", 67.11), ("bridging.fc6_deconv", 822.08),
    ("segmentation.deconv5_1", 943.72), ("segmentation.deconv4_3", 1887.44), ("segmentation.deconv2_2", 1887.44),
    ("segmentation.deconv1_2", 3774.87), ("segmentation.score", 13.11),
  ])
  func layersEqualTheTable(layer: String, millions: Double) {
    #expect(mega(paper.perImage[layer]!) == millions)
  }

  @Test func sumsEqualTheTable() {
    #expect(abs(mega(paper.sum("classification.")) - 33_233.6) < 0.06)
    #expect(abs(mega(paper.sum("bridging.") + paper.sum("segmentation.")) - 37_464.0) < 0.06)
    #expect(abs(Double(paper.classificationStep) / 1e9 - 99.524) < 0.001)
    #expect(abs(Double(paper.segmentationStep) / 1e9 - 147.540) < 0.001)
    #expect(abs(Double(paper.inferenceOfOneLabel) / 1e9 - (33.234 + 2 * 39.378)) < 0.002)
  }
}
