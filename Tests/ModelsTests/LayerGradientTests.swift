// Every layer's backward pass against differences of its own forward pass.
//
// L = <c, y> for a fixed c, or the step's loss. For a direction d the derivative <gradient, d> has to equal
// (L(w + h d) - L(w - h d)) / 2h. Two kinds of direction: the gradient itself with entries weighted at random, whose large
// signal shows wrong entries; and random signs everywhere, which show entries that are missing.
//
// ReLUs and poolings have corners, and float32 forbids steps too small to meet them. For single layers biases and shifts are
// set far from zero, some channels above and some below: then L is smooth within the steps, and the bounds are tight. In
// parts of the network and whole steps the corners stay: there the bounds are about twice what was found, which shrank with
// the step until rounding took over. DecoupledNetTests holds the same gradients against the Double reference.
import Foundation
import Compute
import Models
import Testing

/// Values by formula from a name: the same in every run.
private func fill(
  _ buffer: UnsafeMutableBufferPointer<Float>, _ name: String, center: Double = 0, amplitude: Double = 1
) {
  _ = buffer.update(
    fromContentsOf: ReferenceValues.values(name, count: buffer.count, center: center, amplitude: amplitude))
}

private func norm(_ values: some Sequence<Float>) -> Double {
  values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
}

/// A scalar function of float32 arrays, with its gradient.
private struct Slope {
  /// Relative size of a step, of the array's norm; or by how much L shall change over both steps.
  enum Step {
    case relative(Double)
    case change(Double)
  }
  var step = Step.relative(3e-3)
  /// For the first and the second kind of direction. With random signs the signal is small by chance and the way long.
  var tolerance = (1e-3, 2e-3)
  /// What rounding may change in L.
  let noise: Double
  let loss: () -> Double

  /// `vanishes`: the gradient is zero in exact arithmetic, and what differences find is rounding in all layers behind.
  func check(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, gradient: [Float], vanishes: Bool = false,
    location: SourceLocation = #_sourceLocation
  ) {
    #expect(gradient.count == values.count && gradient.allSatisfy(\.isFinite), "\(name)", sourceLocation: location)
    let ownLength = norm(gradient)
    #expect(ownLength > 0 || vanishes, "\(name) has no gradient", sourceLocation: location)
    for kind in vanishes ? 2..<3 : 0..<3 {
      let weights = ReferenceValues.values("\(name) \(kind)", count: values.count, center: 0, amplitude: 1)
      let direction: [Float] = kind < 2 ? zip(gradient, weights).map { $0 * (1 + $1) } : weights.map { $0 > 0 ? 1 : -1 }
      let length = norm(direction)
      // <gradient, direction>, or what it is on average for random signs.
      let slope = kind < 2 ? zip(gradient, direction).reduce(0) { $0 + Double($1.0 * $1.1) } : ownLength
      let size = max(norm(values), 0.05 * Double(values.count).squareRoot())
      let h: Double
      switch step {
      case .change(let change) where !vanishes: h = change / (2 * slope)
      case .change: h = 1e-3 * size / length
      case .relative(let part): h = part * size / length
      }
      let start = Array(values)
      func moved(_ sign: Double) -> Double {
        for i in values.indices { values[i] = Float(Double(start[i]) + sign * h * Double(direction[i])) }
        return loss()
      }
      // The steps as float32 took them.
      let above = moved(1)
      let taken = values.indices.map { Double(values[$0]) }
      let below = moved(-1)
      let expected = values.indices.reduce(0.0) { $0 + Double(gradient[$1]) * (taken[$1] - Double(values[$1])) }
      for i in values.indices { values[i] = start[i] }
      let found = above - below
      let scale = (kind < 2 ? tolerance.0 : tolerance.1) * 2 * h * slope
      #expect(
        abs(found - expected) <= (vanishes ? 30 * noise : scale + noise),
        "\(name), direction \(kind): \(found) instead of \(expected)",
        sourceLocation: location)
      if !vanishes {
        #expect(
          2 * h * slope > 20 * noise, "\(name): the step of \(2 * h * slope) is lost in noise of \(noise)",
          sourceLocation: location)
      }
    }
  }
}

@Suite struct LayerGradientTests {
  /// Each test has its own: a context serves one caller at a time.
  let context = ExecutionContext(workers: WorkerPool(threads: 2))
  static func shape(_ batchNormalization: Bool = true, inputSize: Int = 64) -> NetworkShape {
    NetworkShape(width: 0.0625, inputSize: inputSize, classes: 3, batchNormalization: batchNormalization)
  }

  /// Every third channel stays below zero, the others above.
  static func farFromZero(_ values: UnsafeMutableBufferPointer<Float>, _ distance: Float) {
    for channel in values.indices {
      values[channel] = (channel % 3 == 1 ? -1 : 1) * (distance + Float(channel % 5) / 4)
    }
  }

  /// Weights of unit gain, scales about one.
  /// `smooth`: shifts and biases far enough from zero that no ReLU meets its corner.
  static func set(_ vector: ParameterVector, smooth: Bool, biases: Float = 0.3) {
    for (index, parameter) in vector.table.parameters.enumerated() {
      let values = vector[index]
      switch parameter.role {
      case .weight:
        let transposed = parameter.name.contains("deconv")
        let fanIn = parameter.shape[transposed ? 0 : 1] * parameter.shape[2] * parameter.shape[3]
        fill(values, parameter.name, amplitude: (3 / Double(fanIn)).squareRoot())
      case .bias: farFromZero(values, biases)
      case .batchNormScale: fill(values, parameter.name, center: 1, amplitude: 0.3)
      case .batchNormShift where smooth: farFromZero(values, 6)
      case .batchNormShift: fill(values, parameter.name, center: 0.2, amplitude: 0.3)
      }
    }
  }

  private static func inner(_ c: [Float], _ y: UnsafeMutablePointer<Float>) -> Double {
    c.indices.reduce(0.0) { $0 + Double(c[$1]) * Double(y[$1]) }
  }

  private static func coefficients(_ count: Int) -> [Float] {
    ReferenceValues.values("coefficients", count: count, center: 0.2, amplitude: 1)
  }

  /// Rounding of L = <c, y>: float32's, some of it through each of y's values.
  private static func noise(_ c: [Float], _ y: UnsafeMutablePointer<Float>, _ ulps: Double = 20) -> Double {
    ulps * 6e-8 * c.indices.reduce(0.0) { $0 + pow(Double(c[$1]) * Double(y[$1]), 2) }.squareRoot()
  }

  // MARK: 3x3 layers

  @Test(arguments: [ConvolutionLayer.Kind.convolution, .transposed], [false, true])
  func convolution(kind: ConvolutionLayer.Kind, normalized: Bool) {
    let net = DecoupledNet(Self.shape())
    let parameters = kind == .convolution ? net.classification : net.segmentation
    let statistics = kind == .convolution ? net.classificationStatistics : net.segmentationStatistics
    Self.set(parameters, smooth: true, biases: normalized ? 0.3 : 6)
    // conv4_1 goes from 16 channels to 32, deconv4_3 from 32 to 16.
    let blocks = kind == .convolution ? net.shape.classificationBlocks : net.shape.segmentationBlocks
    let layerShape = kind == .convolution ? blocks[3][0] : blocks[1][2]
    #expect(layerShape.inputChannels != layerShape.outputChannels)
    for size in [4, 11] {
      let layer = ConvolutionLayer(
        layerShape, kind: kind, images: 2, size: size, trained: true, normalized: normalized, epsilon: 1e-5,
        parameters: parameters, context: context)
      let input = FeatureMaps(images: 2, channels: layerShape.inputChannels, height: size, width: size)
      let values = UnsafeMutableBufferPointer(start: input.data, count: input.count)
      fill(values, "input")
      let c = Self.coefficients(layer.output.count)
      func loss() -> Double {
        layer.prepare(statistics: statistics)
        layer.forward(input)
        return Self.inner(c, layer.output.data)
      }
      _ = loss()
      let gradient = FeatureMaps(images: 2, channels: layerShape.outputChannels, height: size, width: size)
      gradient.data.update(from: c, count: c.count)
      let inputGradient = FeatureMaps(images: 2, channels: layerShape.inputChannels, height: size, width: size)
      let all = ParameterVector(parameters.table)
      layer.backward(input, gradient: gradient, into: inputGradient, parameterGradient: all.pointer)
      let slope = Slope(noise: Self.noise(c, layer.output.data), loss: loss)
      slope.check("input", values, gradient: Array(UnsafeBufferPointer(start: inputGradient.data, count: input.count)))
      let names = ["weight", "bias"] + (normalized ? ["bn.scale", "bn.shift"] : [])
      for name in names.map({ "\(layerShape.name).\($0)" }) {
        slope.check(name, parameters[name], gradient: Array(all[name]), vanishes: normalized && name.hasSuffix("bias"))
      }
      // Nothing else was written.
      for (index, parameter) in all.table.parameters.enumerated() where !parameter.name.hasPrefix(layerShape.name + ".")
      {
        #expect(all[index].allSatisfy { $0 == 0 }, "\(parameter.name)")
      }
    }
    net.keep()
  }

  @Test(arguments: [false, true])
  func firstConvolution(normalized: Bool) {
    let net = DecoupledNet(Self.shape())
    let parameters = net.classification
    Self.set(parameters, smooth: true, biases: normalized ? 0.3 : 6)
    let layerShape = net.shape.classificationBlocks[0][0]
    let size = 17
    let layer = PlanarConvolutionLayer(
      layerShape, images: 2, size: size, trained: true, normalized: normalized, parameters: parameters, context: context)
    let planes = AlignedMemory(floats: 2 * 3 * size * size)
    fill(planes.buffer, "planes")
    let c = Self.coefficients(layer.output.count)
    func loss() -> Double {
      layer.prepare(statistics: net.classificationStatistics)
      layer.forward(planes.pointer)
      return Self.inner(c, layer.output.data)
    }
    _ = loss()
    let gradient = FeatureMaps(images: 2, channels: layerShape.outputChannels, height: size, width: size)
    gradient.data.update(from: c, count: c.count)
    let all = ParameterVector(parameters.table)
    layer.backward(planes.pointer, gradient: gradient, parameterGradient: all.pointer)
    let slope = Slope(noise: Self.noise(c, layer.output.data), loss: loss)
    let names = ["weight", "bias"] + (normalized ? ["bn.scale", "bn.shift"] : [])
    for name in names.map({ "\(layerShape.name).\($0)" }) {
      slope.check(name, parameters[name], gradient: Array(all[name]), vanishes: normalized && name.hasSuffix("bias"))
    }
    net.keep()
  }

  // MARK: Dense layers

  @Test(arguments: [DenseLayer.Kind.convolution, .transposed])
  func dense(kind: DenseLayer.Kind) {
    let net = DecoupledNet(Self.shape(inputSize: 96))
    let direct = kind == .convolution
    let parameters = direct ? net.classification : net.segmentation
    Self.set(parameters, smooth: true, biases: 6)
    let (name, inputs, outputs) = direct ? ("classification.fc6", 32 * 4, 256) : ("bridging.fc6_deconv", 128, 32 * 4)
    #expect(parameters["\(name).weight"].count == inputs * outputs)
    let rows = 7
    let layer = DenseLayer(
      name, kind: kind, rows: rows, inputs: inputs, outputs: outputs, parameters: parameters, context: context)
    let x = AlignedMemory(floats: rows * inputs)
    let y = AlignedMemory(floats: rows * outputs)
    fill(x.buffer, "x")
    let c = Self.coefficients(y.count)
    func loss() -> Double {
      // The transposed product has no bias of its own, nor a ReLU.
      if direct { layer.forward(x, into: y, rectified: true) } else { layer.multiply(x, into: y) }
      return Self.inner(c, y.pointer)
    }
    _ = loss()
    let dy = AlignedMemory(floats: y.count)
    dy.pointer.update(from: c, count: c.count)
    let dx = AlignedMemory(floats: x.count)
    let all = ParameterVector(parameters.table)
    if direct {
      #expect(y.buffer.contains(0) && y.buffer.contains { $0 > 0 })
      layer.rectifyGradient(dy, output: y)
      layer.biasGradient(dy, into: all.pointer)
    }
    let whole = WholeGradient(parameters.table, rows: rows)
    layer.weightGradient(x, dy, into: whole.shard)
    whole.complete(context.workers)
    _ = all["\(name).weight"].update(fromContentsOf: whole.vector["\(name).weight"])
    layer.multiplyBack(dy, into: dx)
    let slope = Slope(noise: Self.noise(c, y.pointer), loss: loss)
    slope.check("x", x.buffer, gradient: Array(dx.buffer))
    slope.check("\(name).weight", parameters["\(name).weight"], gradient: Array(all["\(name).weight"]))
    if direct { slope.check("\(name).bias", parameters["\(name).bias"], gradient: Array(all["\(name).bias"])) }
    net.keep()
  }

  // MARK: Parts of the network

  /// Dense layers both ways, unfolding and folding, batch norm on rows and maps.
  @Test(arguments: [64, 96])
  func bridging(inputSize: Int) {
    let net = DecoupledNet(Self.shape(inputSize: inputSize))
    let parameters = net.segmentation
    Self.set(parameters, smooth: false)
    let bridging = Bridging(net.shape, images: 3, parameters: parameters, context: context)
    let size = net.shape.pool5Size
    let pool5 = FeatureMaps(images: 3, channels: 32, height: size, width: size)
    let saliency = FeatureMaps(images: 3, channels: 32, height: size, width: size)
    fill(.init(start: pool5.data, count: pool5.count), "pool5", center: 1)
    // As small as it is in fresh networks: a variance of about 3e-7 beside an epsilon of 1e-9.
    fill(.init(start: saliency.data, count: saliency.count), "saliency", center: 1e-3, amplitude: 1e-3)
    let c = Self.coefficients(bridging.output.count)
    func loss() -> Double {
      bridging.forward(pool5: pool5, saliency: saliency, stored: nil)
      return Self.inner(c, bridging.output.data)
    }
    _ = loss()
    let gradient = FeatureMaps(images: 3, channels: 32, height: size, width: size)
    gradient.data.update(from: c, count: c.count)
    let whole = WholeGradient(parameters.table, rows: 3 * net.shape.scorePixels)
    bridging.backward(pool5: pool5, saliency: saliency, gradient: gradient, into: whole.shard)
    whole.complete(context.workers)
    let all = whole.vector
    let slope = Slope(
      step: .relative(3e-4), tolerance: (1e-2, 0.08), noise: Self.noise(c, bridging.output.data, 10), loss: loss)
    for (index, parameter) in parameters.table.parameters.enumerated() where parameter.name.hasPrefix("bridging") {
      // Batch norm takes a bias away again, and fc6's the shifts at the input (no padding).
      let vanishes = parameter.role == .bias || parameter.name.hasSuffix("_bn.shift")
      slope.check(parameter.name, parameters[index], gradient: Array(all[index]), vanishes: vanishes)
    }
    net.keep()
  }

  /// Five unpoolings and thirteen transposed convolutions with batch norm, then the score.
  @Test func segmentationNetwork() {
    let net = DecoupledNet(Self.shape())
    let parameters = net.segmentation
    Self.set(parameters, smooth: false)
    let network = SegmentationNetwork(net.shape, images: 2, trained: true, parameters: parameters, context: context)
    let activation = FeatureMaps(images: 2, channels: 32, height: 2, width: 2)
    let values = UnsafeMutableBufferPointer(start: activation.data, count: activation.count)
    fill(values, "activation")
    let poolingIndices = net.shape.classificationBlocks.enumerated().map { index, layers in
      let side = 64 >> (index + 1)
      let poolingIndices = PoolingIndices(count: 2 * layers.last!.outputChannels * side * side)
      for i in 0..<poolingIndices.count { poolingIndices.pointer[i] = UInt8(ReferenceValues.mix(UInt32(i + 1000 * index)) % 4) }
      return poolingIndices
    }
    let c = Self.coefficients(network.scores.count)
    func loss() -> Double {
      network.prepare(statistics: net.segmentationStatistics)
      network.forward(activation, poolingIndices: poolingIndices)
      return Self.inner(c, network.scores.pointer)
    }
    _ = loss()
    network.scoreGradient.pointer.update(from: c, count: c.count)
    let all = ParameterVector(parameters.table)
    let back = network.backward(poolingIndices: poolingIndices, into: all.pointer)
    let inputGradient = Array(UnsafeBufferPointer(start: back.data, count: activation.count))
    let slope = Slope(
      step: .relative(3e-4), tolerance: (0.05, 0.15), noise: Self.noise(c, network.scores.pointer, 10), loss: loss)
    slope.check("activation", values, gradient: inputGradient)
    for (index, parameter) in parameters.table.parameters.enumerated() where parameter.name.hasPrefix("segmentation") {
      let vanishes = parameter.role == .bias && parameter.name != "segmentation.score.bias"
      slope.check(parameter.name, parameters[index], gradient: Array(all[index]), vanishes: vanishes)
    }
    net.keep()
  }

  // MARK: Whole steps, with their losses

  /// Cross-entropy, averaging of the score map, dropout, poolings, corners and all.
  @Test(arguments: [false, true], [Float(0), 0.5])
  func classificationStep(batchNormalization: Bool, dropout: Float) {
    let net = DecoupledNet(Self.shape(batchNormalization, inputSize: 96))
    net.initialize(.he, seed: 3)
    fill(net.classification["classification.score.weight"], "score", amplitude: 0.1)
    let step = ClassificationStep(net, images: 2, dropoutRate: dropout, context: context)
    let planes = ReferenceValues.images(salt: "gradients", examples: 2, size: 96).map { $0 / 60 }
    let labels: [Float] = [1, 0, 1, 0, 1, 0]
    let gradient = WholeGradient(net.classification.table, rows: 2 * net.shape.scorePixels)
    let key = DropoutKey(seed: 1, iteration: 5, firstSlot: 2)
    func loss() -> Double {
      step.prepare()
      return step.run(planes: planes, labels: labels, key: key, gradient: gradient.shard).loss
    }
    let value = loss()
    gradient.complete(context.workers)
    let own = Array(gradient.vector.memory.buffer)
    let slope = Slope(step: .change(2e-4 * value), tolerance: (0.06, 0.3), noise: 2e-6 * value, loss: loss)
    for (index, parameter) in net.classification.table.parameters.enumerated() {
      let vanishes = batchNormalization && parameter.role == .bias && parameter.name.contains("conv")
      let start = net.classification.table.offsets[index]
      slope.check(
        parameter.name, net.classification[index], gradient: Array(own[start..<start + parameter.count]),
        vanishes: vanishes)
    }
    net.keep()
  }

  @Test func segmentationStep() {
    let net = DecoupledNet(Self.shape(false, inputSize: 96))
    net.initialize(.he, seed: 4)
    fill(net.classification["classification.score.weight"], "score", amplitude: 0.1)
    fill(net.segmentation["segmentation.score.weight"], "scores", amplitude: 0.3)
    let step = SegmentationStep(net, images: 2, context: context)
    let planes = ReferenceValues.images(salt: "gradients", examples: 2, size: 96).map { $0 / 60 }
    let labels: [Float] = [1, 0, 1, 0, 1, 0]
    let masks = ReferenceValues.masks(salt: "gradients", examples: 2, size: 96)
    let gradient = WholeGradient(net.segmentation.table, rows: 2 * net.shape.scorePixels)
    step.prepareClassification()
    func loss() -> Double {
      step.prepare()
      return step.run(planes: planes, labels: labels, mask: masks, gradient: gradient.shard).loss
    }
    let value = loss()
    gradient.complete(context.workers)
    let own = Array(gradient.vector.memory.buffer)
    let slope = Slope(step: .change(2e-5 * value), tolerance: (0.05, 0.35), noise: 5e-7 * value, loss: loss)
    for (index, parameter) in net.segmentation.table.parameters.enumerated() {
      let vanishes =
        parameter.name.hasSuffix("_bn.shift")
        || (parameter.role == .bias && parameter.name != "segmentation.score.bias")
      let start = net.segmentation.table.offsets[index]
      slope.check(
        parameter.name, net.segmentation[index], gradient: Array(own[start..<start + parameter.count]),
        vanishes: vanishes)
    }
    net.keep()
  }
}
