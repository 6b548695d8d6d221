// Tests of the Double reference's gradients against central differences of its own losses: a few entries of every
// parameter of both phases, and the saliency. In Double, steps can be so small that they rarely meet a corner of a ReLU
// or a pooling, and still leave eight digits: the bound is 1e-5.
//
// The reference takes any sizes. Three to five channels keep the two passes of a difference cheap.
import Foundation
import TestSupport
import Testing

@Suite struct ReferenceGradientTests {
  struct Case {
    let size: Int
    let fc6Kernel: Int
    let examples: Int
    let batchNorm: Bool
    let channels = [3, 3, 4, 4, 4]
    let fc = 5
    let bridge = 5
    let classes = 3

    var parameters: [String: [Double]] {
      var all: [String: [Double]] = [:]
      func add(_ name: String, _ count: Int, center: Double, amplitude: Double) {
        all[name] = ReferenceValues.values("gradients/\(name)", count: count, center: center, amplitude: amplitude)
          .map(Double.init)
      }
      func layer(_ name: String, inputs: Int, outputs: Int, kernel: Int) {
        let fanIn = Double(inputs * kernel * kernel)
        add(name + ".weight", inputs * outputs * kernel * kernel, center: 0, amplitude: (6 / fanIn).squareRoot())
        add(name + ".bias", outputs, center: 0.1, amplitude: 0.1)
      }
      func normalization(_ name: String, _ count: Int) {
        add(name + ".scale", count, center: 1, amplitude: 0.3)
        add(name + ".shift", count, center: 0.2, amplitude: 0.2)
        add(name + ".mean", count, center: 0, amplitude: 0.2)
        add(name + ".variance", count, center: 1, amplitude: 0.5)
      }
      var inputs = 3
      for (index, stage) in ReferenceDecoupledNet.stages.enumerated() {
        for name in stage {
          layer("classification." + name, inputs: inputs, outputs: channels[index], kernel: 3)
          if batchNorm { normalization("classification.\(name).bn", channels[index]) }
          inputs = channels[index]
        }
      }
      layer("classification.fc6", inputs: channels[4], outputs: fc, kernel: fc6Kernel)
      layer("classification.fc7", inputs: fc, outputs: fc, kernel: 1)
      layer("classification.score", inputs: fc, outputs: classes, kernel: 1)
      normalization("bridging.pool5_bn", channels[4])
      normalization("bridging.saliency_bn", channels[4])
      for (name, inputs, outputs, kernel) in [
        ("fc6", 2 * channels[4], bridge, fc6Kernel), ("fc7", bridge, bridge, 1),
        ("fc6_deconv", bridge, channels[4], fc6Kernel),
      ] {
        layer("bridging." + name, inputs: inputs, outputs: outputs, kernel: kernel)
        normalization("bridging.\(name).bn", outputs)
      }
      inputs = channels[4]
      for (number, stage) in ReferenceDecoupledNet.deconvolutionStages {
        for (place, name) in stage.enumerated() {
          // A block ends with the channels of the next unpooling.
          let outputs = place == stage.count - 1 ? channels[max(number - 2, 0)] : channels[number - 1]
          layer("segmentation." + name, inputs: inputs, outputs: outputs, kernel: 3)
          normalization("segmentation.\(name).bn", outputs)
          inputs = outputs
        }
      }
      layer("segmentation.score", inputs: inputs, outputs: 2, kernel: 1)
      return all
    }

    var images: PlainMaps {
      PlainMaps(
        n: examples, c: 3, h: size, w: size,
        values: ReferenceValues.images(salt: "gradients", examples: examples, size: size).map { Double($0) / 60 })
    }
    var labels: [Double] { (0..<examples * classes).map { $0 % 2 == 0 ? 1 : 0 } }
    var masks: [UInt8] { ReferenceValues.masks(salt: "gradients", examples: examples, size: size) }
  }

  /// Checks two entries of every tensor: the largest, and one at random.
  private func check(
    _ case: Case, h: Double = 1e-7, _ step: (ReferenceDecoupledNet) -> ReferenceStep,
    zero: (String) -> Bool = { _ in false }
  ) {
    let parameters = `case`.parameters
    let analytic = step(ReferenceDecoupledNet(parameters: parameters)).gradients
    let largest = analytic.values.map(plainNorm).max() ?? 0
    #expect(largest > 0)
    var silent: [String] = []
    for (name, gradient) in analytic.sorted(by: { $0.key < $1.key }) {
      #expect(gradient.count == parameters[name]?.count, "\(name)")
      if plainNorm(gradient) < 1e-9 * largest, !zero(name) { silent.append(name) }
      let top = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) }!
      let random = Int(ReferenceValues.fnv1a(name)) % gradient.count
      for entry in Set([top, random]) {
        func loss(_ move: Double) -> Double {
          var moved = parameters
          moved[name]![entry] += move
          return step(ReferenceDecoupledNet(parameters: moved)).loss
        }
        let difference = (loss(h) - loss(-h)) / (2 * h)
        let scale = max(abs(gradient[entry]), plainNorm(gradient) / Double(gradient.count).squareRoot())
        // 1e-8 for the rounding of the two losses.
        #expect(
          abs(difference - gradient[entry]) <= 1e-5 * scale + 1e-8,
          "\(name)[\(entry)]: \(gradient[entry]), differences give \(difference)")
        if zero(name) { #expect(abs(gradient[entry]) <= 1e-9 * largest, "\(name)[\(entry)]") }
      }
    }
    #expect(silent == [], "tensors without a gradient verify nothing")
  }

  @Test("The reference's classification gradients equal differences.") func classification() {
    let `case` = Case(size: 96, fc6Kernel: 2, examples: 1, batchNorm: false)
    let (images, labels) = (`case`.images, `case`.labels)
    check(`case`) { $0.classificationStep(images: images, labels: labels) }
  }

  @Test("The reference's classification gradients with batch normalization equal differences.")
  func classificationWithBatchNorm() {
    let `case` = Case(size: 64, fc6Kernel: 1, examples: 2, batchNorm: true)
    let (images, labels) = (`case`.images, `case`.labels)
    check(
      `case`, { $0.classificationStep(images: images, labels: labels) },
      zero: { $0.hasPrefix("classification.conv") && $0.hasSuffix(".bias") })
  }

  @Test("The reference's segmentation gradients equal differences.") func segmentation() {
    let `case` = Case(size: 96, fc6Kernel: 2, examples: 2, batchNorm: false)
    let (images, labels, masks) = (`case`.images, `case`.labels, `case`.masks)
    check(
      `case`, h: 1e-6, { $0.segmentationStep(images: images, labels: labels, masks: masks) },
      zero: { ($0.hasSuffix(".bias") && $0 != "segmentation.score.bias") || $0.hasSuffix("_bn.shift") })
  }

  @Test("The reference's saliency is the derivative of the seeded maximum scores (paper Eq. 3).")
  func saliencyIsTheDerivativeOfTheMaximumScores() {
    let `case` = Case(size: 96, fc6Kernel: 2, examples: 2, batchNorm: false)
    let net = ReferenceDecoupledNet(parameters: `case`.parameters)
    let pool5 = PlainMaps(
      n: 2, c: `case`.channels[4], h: 3, w: 3,
      values: ReferenceValues.values("pool5", count: 2 * 4 * 9, center: 0.5, amplitude: 0.5).map(Double.init))
    let seeds = [0.9, 0, 0.3, 0, 0.6, 0.2]
    let saliency = net.saliency(net.classifier(pool5), seeds: seeds, pool5: pool5)
    func seeded(_ pool5: PlainMaps) -> Double {
      let map = net.classifier(pool5).maps
      let area = map.h * map.w
      return seeds.indices.reduce(0) { $0 + seeds[$1] * map.values[$1 * area..<($1 + 1) * area].max()! }
    }
    #expect(saliency.norm > 0)
    for index in pool5.values.indices {
      var (above, below) = (pool5, pool5)
      above.values[index] += 1e-6
      below.values[index] -= 1e-6
      let difference = (seeded(above) - seeded(below)) / 2e-6
      #expect(abs(difference - saliency.values[index]) <= 1e-7 * saliency.norm, "pool5[\(index)]")
    }
  }
}
