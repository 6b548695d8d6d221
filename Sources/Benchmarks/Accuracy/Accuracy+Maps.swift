// The accuracy of kernels that work on single pixels or sum over maps: batch normalization, bias gradients, pooling and
// the score layer.
import Compute
import Kernels
import Layers

extension AccuracyBenchmark {
  /// The name, channels and side of maps that are normalized: the first normalized rows, and the first layer after each
  /// unpooling.
  private var normalizedShapes: [(layers: String, channels: Int, side: Int)] {
    let rows = specs(of: FullyConvolutionalSpec.self).filter { $0.normalization != nil }.prefix(1)
    let unpooled = zip(specs, specs.dropFirst()).filter { $0.0 is UnpoolingSpec }.map(\.1)
    return (rows.map { $0 as any LayerSpec } + unpooled).map { ($0.name, $0.output.channels, $0.output.height) }
  }

  // MARK: Batch normalization

  func measureNormalization() {
    for (layers, channels, side) in normalizedShapes {
      normalize("\(layers): \(channels) at \(side)", channels, side)
    }
    // Biases that no batch normalization follows.
    for spec in specs(of: MaxPoolingSpec.self) {
      let (channels, side) = (spec.input.channels, spec.input.height)
      sumBias("before \(Self.shortName(spec)): \(channels) at \(side)", channels, side)
    }
  }

  /// One channel's statistics and gradients, in both precisions.
  private struct Channel {
    var mean = Element.zero
    var variance = Element.zero
    var inverse = Element.zero
    var scaleGradient = Element.zero
    var shiftGradient = Element.zero
  }

  private func normalize(_ text: String, _ channels: Int, _ side: Int) {
    let pixels = images * side * side
    let epsilon: Float = BatchNormalizationStyle.authors.epsilon
    // A mean of several deviations, as before a normalization whose bias has drifted.
    let x = values(pixels * channels, .shifted(mean: 3, deviation: 0.5))
    let dy = values(pixels * channels, .normal(1))
    let scale = values(channels, .uniform(0.5, 1.5))
    let shift = values(channels, .normal(0.3))
    let plan = BatchNormalization(images: images, channels: channels, height: side, width: side, epsilon: epsilon)
    let workspace = AlignedMemory(floats: plan.workspaceFloats)
    let (mean, variance) = (AlignedMemory(floats: channels), AlignedMemory(floats: channels))
    context.run(plan.statisticsTasks) { plan.gatherStatistics(x.pointer, workspace: workspace.pointer, task: $0) }
    plan.combineStatistics(workspace: workspace.pointer, mean: mean.pointer, variance: variance.pointer)
    let y = AlignedMemory(floats: x.count)
    context.run(plan.tasks) {
      plan.normalize(
        x.pointer, mean: mean.pointer, variance: variance.pointer, scale: scale.pointer, shift: shift.pointer,
        rectified: false, into: y.pointer, task: $0)
    }
    let (scaleGradient, shiftGradient) = (AlignedMemory(floats: channels), AlignedMemory(floats: channels))
    context.run(plan.gradientTasks) {
      plan.gatherGradients(
        x.pointer, outputGradient: dy.pointer, mean: mean.pointer, variance: variance.pointer, scale: scale.pointer,
        shift: shift.pointer, rectified: false, workspace: workspace.pointer, task: $0)
    }
    plan.combineGradients(
      workspace: workspace.pointer, scaleGradient: scaleGradient.pointer, shiftGradient: shiftGradient.pointer)
    let dx = AlignedMemory(floats: x.count)
    context.run(plan.tasks) {
      plan.backward(
        x.pointer, outputGradient: dy.pointer, mean: mean.pointer, variance: variance.pointer, scale: scale.pointer,
        shift: shift.pointer, scaleGradient: scaleGradient.pointer, shiftGradient: shiftGradient.pointer,
        rectified: false, into: dx.pointer, task: $0)
    }

    let truth = definitions(x, dy, channels: channels, side: side, epsilon: epsilon)
    let place = BlockedIndex(channels: channels, height: side, width: side)
    for (name, result, keyPath) in [
      ("mean", mean, \Channel.mean), ("variance", variance, \Channel.variance),
      ("scale gradient", scaleGradient, \Channel.scaleGradient),
      ("shift gradient", shiftGradient, \Channel.shiftGradient),
    ] {
      compare("batch norm \(name)", text, terms: pixels, isLong: false, result.pointer, count: channels) {
        truth[$0][keyPath: keyPath]
      }
    }
    compare("batch norm y", text, terms: pixels, isLong: false, y.pointer, count: y.count) { index in
      let channel = place.place(index).channel
      let (one, value) = (truth[channel], x.pointer[index])
      let (factor, offset) = (scale.pointer[channel], shift.pointer[channel])
      return Element(
        truth: Double(offset) + (Double(value) - one.mean.truth) * one.inverse.truth * Double(factor),
        direct: offset + (value - one.mean.direct) * one.inverse.direct * factor)
    }
    compare("batch norm dx", text, terms: pixels, isLong: false, dx.pointer, count: dx.count) { index in
      let channel = place.place(index).channel
      let (one, value, gradient) = (truth[channel], x.pointer[index], dy.pointer[index])
      let factor = scale.pointer[channel]
      let m = Double(pixels)
      let normalized = (Double(value) - one.mean.truth) * one.inverse.truth
      let normalizedDirect = (value - one.mean.direct) * one.inverse.direct
      return Element(
        truth: Double(factor) * one.inverse.truth
          * (Double(gradient) - one.shiftGradient.truth / m - normalized * one.scaleGradient.truth / m),
        direct: factor * one.inverse.direct
          * (gradient - one.shiftGradient.direct / Float(pixels) - normalizedDirect * one.scaleGradient.direct
            / Float(pixels)))
    }
  }

  /// Computes every channel by the definitions: the mean, then the mean square about it, each as one chain.
  private func definitions(
    _ x: AlignedMemory, _ dy: AlignedMemory, channels: Int, side: Int, epsilon: Float
  ) -> [Channel] {
    let place = BlockedIndex(channels: channels, height: side, width: side)
    let pixels = images * side * side
    var result = [Channel](repeating: Channel(), count: channels)
    result.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let target = buffer
      context.run(channels) { channel in
        func forEach(_ body: (_ value: Float, _ gradient: Float) -> Void) {
          for image in 0..<self.images {
            let first = place(image: image, channel: channel, y: 0, x: 0)
            for pixel in 0..<side * side { body(x.pointer[first + pixel * 16], dy.pointer[first + pixel * 16]) }
          }
        }
        var one = Channel()
        forEach { value, _ in one.mean.add(value) }
        one.mean = Element(truth: one.mean.truth / Double(pixels), direct: one.mean.direct / Float(pixels))
        forEach { value, _ in
          let (difference, direct) = (Double(value) - one.mean.truth, value - one.mean.direct)
          one.variance.truth += difference * difference
          one.variance.direct.addProduct(direct, direct)
        }
        one.variance = Element(truth: one.variance.truth / Double(pixels), direct: one.variance.direct / Float(pixels))
        one.inverse = Element(
          truth: 1 / (one.variance.truth + Double(epsilon)).squareRoot(),
          direct: 1 / (one.variance.direct + epsilon).squareRoot())
        forEach { value, gradient in
          one.shiftGradient.add(gradient)
          one.scaleGradient.truth += Double(gradient) * (Double(value) - one.mean.truth) * one.inverse.truth
          one.scaleGradient.direct.addProduct(gradient, (value - one.mean.direct) * one.inverse.direct)
        }
        target[channel] = one
      }
    }
    return result
  }

  /// The gradient of a convolution's bias.
  private func sumBias(_ text: String, _ channels: Int, _ side: Int) {
    let plan = ChannelSums(images: images, channels: channels, height: side, width: side)
    let gradient = values(images * channels * side * side, .normal(1))
    let (workspace, sums) = (AlignedMemory(floats: plan.workspaceFloats), AlignedMemory(floats: channels))
    context.run(plan.tasks) { plan.gather(gradient.pointer, workspace: workspace.pointer, task: $0) }
    plan.combine(workspace: workspace.pointer, into: sums.pointer)
    let place = BlockedIndex(channels: channels, height: side, width: side)
    compare("bias gradient", text, terms: images * side * side, sums.pointer, count: channels) { channel in
      var element = Element.zero
      for image in 0..<self.images {
        let first = place(image: image, channel: channel, y: 0, x: 0)
        for pixel in 0..<side * side { element.add(gradient.pointer[first + pixel * 16]) }
      }
      return element
    }
  }

  // MARK: Pooling

  /// Nothing is rounded, so any error that is not 0 means a wrong pooling index.
  func measurePooling() {
    for spec in specs(of: MaxPoolingSpec.self) {
      let (channels, side) = (spec.input.channels, spec.input.height)
      let text = "\(Self.shortName(spec)): \(channels) at \(side)"
      let plan = MaxPooling(images: images, channels: channels, height: side, width: side)
      let x = values(images * channels * side * side, .rectified)
      let y = AlignedMemory(floats: x.count / 4)
      let poolingIndices = PoolingIndices(count: y.count)
      context.run(plan.tasks) {
        plan.pool(x.pointer, into: y.pointer, poolingIndices: poolingIndices.pointer, task: $0)
      }
      let (large, small) = (
        BlockedIndex(channels: channels, height: side, width: side),
        BlockedIndex(channels: channels, height: side / 2, width: side / 2)
      )
      /// Returns the window's places and its first maximum.
      func window(image: Int, channel: Int, y: Int, x column: Int) -> (places: [Int], winner: Int) {
        let places = (0..<4).map { large(image: image, channel: channel, y: 2 * y + $0 / 2, x: 2 * column + $0 % 2) }
        return (places, (1..<4).reduce(0) { x.pointer[places[$1]] > x.pointer[places[$0]] ? $1 : $0 })
      }
      compare("max pooling", text, terms: 1, y.pointer, count: y.count) { index in
        let (image, channel, row, column) = small.place(index)
        let (places, winner) = window(image: image, channel: channel, y: row, x: column)
        return Element(truth: Double(x.pointer[places[winner]]), direct: x.pointer[places[winner]])
      }
      let back = AlignedMemory(floats: x.count)
      context.run(plan.tasks) {
        plan.scatter(y.pointer, poolingIndices: poolingIndices.pointer, into: back.pointer, task: $0)
      }
      compare("unpooling", text, terms: 1, back.pointer, count: back.count) { index in
        let (image, channel, row, column) = large.place(index)
        let (_, winner) = window(image: image, channel: channel, y: row / 2, x: column / 2)
        let value =
          winner == row % 2 * 2 + column % 2
          ? y.pointer[small(image: image, channel: channel, y: row / 2, x: column / 2)] : 0
        return Element(truth: Double(value), direct: value)
      }
    }
  }

  // MARK: The last layer

  func measureScores() {
    for spec in specs(of: PixelScoreSpec.self) { measure(spec) }
  }

  private func measure(_ spec: PixelScoreSpec) {
    let (channels, side) = (spec.input.channels, spec.input.height)
    let text = "\(spec.name): \(channels) to 2 at \(side)"
    let plan = PointwiseScore(images: images, channels: channels, height: side, width: side)
    let x = values(images * channels * side * side, .rectified)
    let (weights, bias) = (weights(2 * channels, fanIn: channels), values(2, .normal(1)))
    let gradient = values(images * 2 * side * side, .normal(1))
    let (scores, dx) = (AlignedMemory(floats: images * 2 * side * side), AlignedMemory(floats: x.count))
    let workspace = AlignedMemory(floats: plan.workspaceFloats)
    let (weightGradient, biasGradient) = (AlignedMemory(floats: 2 * channels), AlignedMemory(floats: 2))
    context.run(plan.tasks) {
      plan.apply(x.pointer, weights: weights.pointer, bias: bias.pointer, into: scores.pointer, task: $0)
    }
    context.run(plan.tasks) {
      plan.dataGradient(scoreGradient: gradient.pointer, weights: weights.pointer, into: dx.pointer, task: $0)
    }
    context.run(plan.tasks) {
      plan.gatherWeightGradient(x.pointer, scoreGradient: gradient.pointer, workspace: workspace.pointer, task: $0)
    }
    plan.combineWeightGradient(
      workspace: workspace.pointer, weightGradient: weightGradient.pointer, biasGradient: biasGradient.pointer)

    let (place, pixels) = (BlockedIndex(channels: channels, height: side, width: side), side * side)
    compare("score forward", text, terms: channels, scores.pointer, count: scores.count) { index in
      let (image, k, pixel) = (index / pixels / 2, index / pixels % 2, index % pixels)
      var element = Element(truth: Double(bias.pointer[k]), direct: bias.pointer[k])
      for c in 0..<channels {
        element.add(
          weights.pointer[k * channels + c],
          x.pointer[place(image: image, channel: c, y: pixel / side, x: pixel % side)])
      }
      return element
    }
    compare("score data gradient", text, terms: 2, dx.pointer, count: dx.count) { index in
      let (image, c, y, column) = place.place(index)
      var element = Element.zero
      for k in 0..<2 {
        element.add(weights.pointer[k * channels + c], gradient.pointer[(image * 2 + k) * pixels + y * side + column])
      }
      return element
    }
    compare("score weight gradient", text, terms: images * pixels, weightGradient.pointer, count: 2 * channels) {
      index in
      let (k, c) = (index / channels, index % channels)
      var element = Element.zero
      for image in 0..<self.images {
        let first = place(image: image, channel: c, y: 0, x: 0)
        for pixel in 0..<pixels {
          element.add(gradient.pointer[(image * 2 + k) * pixels + pixel], x.pointer[first + pixel * 16])
        }
      }
      return element
    }
    compare("score bias gradient", text, terms: images * pixels, biasGradient.pointer, count: 2) { k in
      var element = Element.zero
      for image in 0..<self.images {
        for pixel in 0..<pixels { element.add(gradient.pointer[(image * 2 + k) * pixels + pixel]) }
      }
      return element
    }
  }
}
