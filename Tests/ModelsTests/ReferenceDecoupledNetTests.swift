// Tests of the Double reference against PyTorch's float64 goldens. The two were written independently, so their
// agreement shows that both are right.

import Testing

@Suite struct ReferenceDecoupledNetTests {
  static let tolerance = 1e-9

  struct Case {
    let golden: Golden
    let net: ReferenceDecoupledNet
    let images: PlainMaps
    let labels: [Double]

    init(_ name: String) throws {
      golden = try Golden.named(name)
      net = ReferenceDecoupledNet(parameters: golden.parameterValues.mapValues { $0.map(Double.init) })
      let size = golden.network.inputSize
      images = PlainMaps(n: golden.examples, c: 3, h: size, w: size, values: golden.images.map(Double.init))
      labels = golden.labels.map(Double.init)
    }
  }

  @Test("The reference's classification step equals PyTorch.", arguments: Golden.names)
  func classificationStepEqualsPyTorch(name: String) throws {
    let `case` = try Case(name)
    let golden = `case`.golden.classification
    let step = `case`.net.classificationStep(images: `case`.images, labels: `case`.labels)
    #expect(isClose(step.loss, golden.loss))
    expectClose(step.scores, golden.scores, "scores")
    expectClose(step.gradients, golden.gradients)
  }

  @Test("The reference's segmentation step equals PyTorch.", arguments: Golden.names)
  func segmentationStepEqualsPyTorch(name: String) throws {
    let `case` = try Case(name)
    let golden = `case`.golden.segmentation
    #expect(`case`.golden.masks.count { $0 != 255 } == golden.countedPixels)
    let step = `case`.net.segmentationStep(images: `case`.images, labels: `case`.labels, masks: `case`.golden.masks)
    expectClose(step.scores, golden.maxScores, "maximum scores")
    expectClose(step.activations["pool5"]!.values, norm: golden.pool5.norm, entries: golden.pool5.entries, "pool5")
    expectClose(
      step.activations["saliency"]!.values, norm: golden.saliency.norm, entries: golden.saliency.entries, "saliency")
    expectClose(
      step.activations["segmentation.score"]!.values, norm: golden.scores.norm, entries: golden.scores.entries,
      "segmentation scores")
    #expect(isClose(step.loss, golden.loss))
    expectClose(step.gradients, golden.gradients)
  }

  @Test("The reference's inference equals PyTorch.", arguments: Golden.names)
  func inferenceEqualsPyTorch(name: String) throws {
    let `case` = try Case(name)
    let golden = `case`.golden.inference
    let maps = `case`.net.inference(
      images: `case`.images, foregrounds: golden.foreground.map { ($0.example, $0.class) })
    expectClose(maps.averageScores, golden.averageScores, "average scores")
    expectClose(maps.maxScores, golden.maxScores, "maximum scores")
    expectClose(maps.background.values, norm: golden.background.norm, entries: golden.background.entries, "background")
    for (place, expected) in golden.foreground.enumerated() {
      expectClose(
        maps.foreground.examples([place]).values, norm: expected.norm, entries: expected.entries,
        "class \(expected.class) of example \(expected.example)")
    }
  }

  @Test("A shard without counted pixels adds nothing to the reference's gradient.")
  func shardWithoutCountedPixelsAddsNothing() throws {
    let `case` = try Case("size64-classes5")
    let step = `case`.net.segmentationStep(
      images: `case`.images, labels: `case`.labels, masks: [UInt8](repeating: 255, count: `case`.golden.masks.count))
    #expect(step.loss == 0)
    #expect(step.gradients.values.allSatisfy { $0.allSatisfy { $0 == 0 } })
  }

  // MARK: Comparison

  private func isClose(_ value: Double, _ expected: Double) -> Bool {
    abs(value - expected) <= Self.tolerance * abs(expected)
  }

  private func expectClose(_ values: [Double], _ expected: [Double], _ what: String) {
    #expect(values.count == expected.count, "\(what)")
    let difference = plainNorm(zip(values, expected).map { $0 - $1 })
    #expect(difference <= Self.tolerance * plainNorm(expected), "\(what) differs by \(difference)")
  }

  /// Compares entries within a tolerance of the tensor's root mean square, because single entries may be near zero.
  private func expectClose(_ values: [Double], norm: Double, entries: [Golden.Entry], _ what: String) {
    #expect(isClose(plainNorm(values), norm), "norm of \(what): \(plainNorm(values)) instead of \(norm)")
    let scale = norm / Double(values.count).squareRoot()
    for entry in entries {
      let difference = abs(values[entry.index] - entry.value)
      #expect(
        difference <= Self.tolerance * max(abs(entry.value), scale),
        "\(what)[\(entry.index)]: \(values[entry.index]) instead of \(entry.value)")
    }
  }

  private func expectClose(_ gradients: [String: [Double]], _ golden: [Golden.Gradient]) {
    #expect(gradients.keys.sorted() == golden.map(\.name).sorted())
    let largest = golden.map(\.norm).max() ?? 0
    for expected in golden {
      guard let values = gradients[expected.name] else { continue }
      if expected.zero {
        #expect(plainNorm(values) <= 1e-9 * largest, "\(expected.name) should be zero")
      } else {
        expectClose(values, norm: expected.norm, entries: expected.entries, expected.name)
      }
    }
  }
}
