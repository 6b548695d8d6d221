// The accuracy of losses, exponential functions and the optimizer's step. The direct computation uses the C library's
// exp and log in float32.
import Compute
import Foundation
import Kernels
import Layers

extension AccuracyBenchmark {
  func measureLosses() {
    measureFunctions()
    for spec in specs(of: ScorePoolingSpec.self) { measure(spec) }
    for spec in specs(of: PixelScoreSpec.self) { measure(spec) }
  }

  /// Applies one of the functions of Kernels/Exponential to a vector.
  private func apply(_ x: AlignedMemory, _ function: (Lanes) -> Lanes) -> AlignedMemory {
    let y = AlignedMemory(floats: x.count)
    for index in stride(from: 0, to: x.count, by: 16) {
      var lanes = Lanes()
      for lane in 0..<16 { lanes[lane] = x.pointer[index + lane] }
      let result = function(lanes)
      for lane in 0..<16 { y.pointer[index + lane] = result[lane] }
    }
    return y
  }

  private func measureFunctions() {
    let count = 4096
    let x = values(count, .normal(5))
    let negative = values(count, .uniform(-20, 0))
    let small = values(count, .uniform(0, 1))
    let exponentials = apply(negative) { Lanes.exponential(ofNonPositive: $0) }
    compare("exp", "x in -20...0", terms: 1, exponentials.pointer, count: count) {
      Element(truth: exp(Double(negative.pointer[$0])), direct: expf(negative.pointer[$0]))
    }
    let logarithms = apply(small) { Lanes.logarithm(ofOnePlus: $0) }
    compare("log(1 + x)", "x in 0...1", terms: 1, logarithms.pointer, count: count) {
      Element(truth: log1p(Double(small.pointer[$0])), direct: logf(1 + small.pointer[$0]))
    }
    let sigmoids = apply(x) { Lanes.sigmoid($0) }
    compare("sigmoid", "x normal, deviation 5", terms: 1, sigmoids.pointer, count: count) {
      Element(truth: 1 / (1 + exp(-Double(x.pointer[$0]))), direct: 1 / (1 + expf(-x.pointer[$0])))
    }
    let softpluses = apply(x) { Lanes.softplus($0) }
    compare("softplus", "x normal, deviation 5", terms: 1, softpluses.pointer, count: count) {
      Element(truth: log1p(exp(Double(x.pointer[$0]))), direct: logf(1 + expf(x.pointer[$0])))
    }
  }

  private func measure(_ spec: ScorePoolingSpec) {
    let (classes, size) = (spec.input.channels, spec.input.height)
    let (positions, text) = (spec.input.pixels, "\(classes) classes, \(images) images")
    let rows = values(images * positions * classes, .normal(3))
    let pooling = ScorePooling(images: images, height: size, width: size, classes: classes)
    let scores = AlignedMemory(floats: images * classes)
    pooling.average(rows.pointer, into: scores.pointer)
    compare("score average", text, terms: positions, scores.pointer, count: scores.count) { index in
      var element = Element.zero
      for position in 0..<positions {
        element.add(rows.pointer[(index / classes * positions + position) * classes + index % classes])
      }
      return Element(truth: element.truth / Double(positions), direct: element.direct / Float(positions))
    }
    let labels = AlignedMemory(floats: scores.count)
    for index in 0..<labels.count where index % 7 == 0 { labels.pointer[index] = 1 }
    let plan = SigmoidCrossEntropy(images: images, classes: classes)
    let (loss, gradient) = (AlignedMemory(floats: 1), AlignedMemory(floats: scores.count))
    loss.pointer[0] = plan.loss(scores: scores.pointer, labels: labels.pointer)
    plan.gradient(scores: scores.pointer, labels: labels.pointer, into: gradient.pointer)
    compare("sigmoid cross-entropy", text, terms: scores.count, loss.pointer, count: 1) { _ in
      var element = Element.zero
      for index in 0..<scores.count {
        let score = labels.pointer[index] == 1 ? -scores.pointer[index] : scores.pointer[index]
        element.truth += log1p(exp(Double(score)))
        element.direct += logf(1 + expf(score))
      }
      return Element(truth: element.truth / Double(self.images), direct: element.direct / Float(self.images))
    }
    compare("sigmoid cross-entropy gradient", text, terms: 1, gradient.pointer, count: gradient.count) { index in
      let (score, label) = (scores.pointer[index], labels.pointer[index])
      return Element(
        truth: (1 / (1 + exp(-Double(score))) - Double(label)) / Double(self.images),
        direct: (1 / (1 + expf(-score)) - label) / Float(self.images))
    }
  }

  private func measure(_ spec: PixelScoreSpec) {
    let side = spec.output.height
    let (pixels, text) = (side * side, "2 classes at \(side)")
    let scores = values(images * 2 * pixels, .normal(3))
    let mask = (0..<images * pixels).map { UInt8($0 % 11 == 0 ? 255 : $0 % 3 == 0 ? 1 : 0) }
    let plan = BinarySoftmaxLoss(images: images, height: side, width: side)
    let workspace = AlignedMemory(floats: plan.workspaceFloats)
    let (loss, gradient) = (AlignedMemory(floats: 1), AlignedMemory(floats: scores.count))
    let probabilities = AlignedMemory(floats: scores.count)
    let known = mask.withUnsafeBufferPointer { mask in
      context.run(plan.tasks) {
        plan.forward(scores: scores.pointer, mask: mask.baseAddress!, workspace: workspace.pointer, task: $0)
      }
      let (value, known, _) = plan.combine(workspace: workspace.pointer)
      loss.pointer[0] = value
      context.run(plan.tasks) {
        plan.backward(
          scores: scores.pointer, mask: mask.baseAddress!, pixels: known, into: gradient.pointer, task: $0)
      }
      context.run(plan.tasks) { plan.softmaxPlanes(scores.pointer, into: probabilities.pointer, task: $0) }
      return known
    }
    /// Returns the softmax of both classes at a pixel: exp(s - max) over their sum.
    func softmax(_ image: Int, _ pixel: Int) -> (Element, Element) {
      let first = scores.pointer[image * 2 * pixels + pixel]
      let second = scores.pointer[(image * 2 + 1) * pixels + pixel]
      let greatest = max(first, second)
      let (a, b) = (expf(first - greatest), expf(second - greatest))
      let difference = Double(second) - Double(first)
      return (
        Element(truth: 1 / (1 + exp(difference)), direct: a / (a + b)),
        Element(truth: 1 / (1 + exp(-difference)), direct: b / (a + b))
      )
    }
    compare("softmax", text, terms: 2, probabilities.pointer, count: probabilities.count) { index in
      let both = softmax(index / pixels / 2, index % pixels)
      return index / pixels % 2 == 0 ? both.0 : both.1
    }
    compare("softmax loss", text, terms: known, loss.pointer, count: 1) { _ in
      var element = Element.zero
      for index in mask.indices where mask[index] != 255 {
        let both = softmax(index / pixels, index % pixels)
        let one = mask[index] == 1 ? both.1 : both.0
        element.truth -= log(one.truth)
        element.direct -= logf(one.direct)
      }
      return Element(truth: element.truth / Double(known), direct: element.direct / Float(known))
    }
    compare("softmax loss gradient", text, terms: 1, gradient.pointer, count: gradient.count) { index in
      let (image, k, pixel) = (index / pixels / 2, index / pixels % 2, index % pixels)
      let label = mask[image * pixels + pixel]
      if label == 255 { return .zero }
      let both = softmax(image, pixel)
      let one = k == 0 ? both.0 : both.1
      let hit: Float = Int(label) == k ? 1 : 0
      return Element(truth: (one.truth - Double(hit)) / Double(known), direct: (one.direct - hit) / Float(known))
    }
  }

  // MARK: Update

  func measureUpdate() {
    let count = 1 << 16
    let (weights, momentumBuffer, gradient) = (
      values(count, .normal(0.05)), values(count, .normal(1e-3)), values(count, .normal(1))
    )
    let (before, past) = (AlignedMemory(floats: count), AlignedMemory(floats: count))
    before.pointer.update(from: weights.pointer, count: count)
    past.pointer.update(from: momentumBuffer.pointer, count: count)
    let (inverse, rate, momentum, decay) = (Float(1.0 / 16), Float(0.01), Float(0.9), Float(0.0005))
    MomentumUpdate.apply(
      weights: weights.pointer, momentumBuffer: momentumBuffer.pointer, gradient: gradient.pointer, count: count,
      inverseShards: inverse, rate: rate, momentum: momentum, decay: decay)
    func step(_ index: Int) -> Element {
      let (w, v, g) = (before.pointer[index], past.pointer[index], gradient.pointer[index])
      return Element(
        truth: Double(momentum) * Double(v) + Double(rate) * (Double(g) * Double(inverse) + Double(decay) * Double(w)),
        direct: momentum * v + rate * (g * inverse + decay * w))
    }
    compare("momentum buffer", "any", terms: 3, momentumBuffer.pointer, count: count) { step($0) }
    compare("momentum weights", "any", terms: 4, weights.pointer, count: count) { index in
      let step = step(index)
      return Element(truth: Double(before.pointer[index]) - step.truth, direct: before.pointer[index] - step.direct)
    }
  }
}
