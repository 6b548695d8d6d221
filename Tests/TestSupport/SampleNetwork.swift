// A layer list that runs alone, with inputs and parameters computed by formula.
import Compute
import Layers

/// The gradients of one backward pass.
package struct SampleGradient {
  private let parameters: ParameterVector
  /// The gradient of the first input; nil if the first layer computes none.
  package let input: [Float]?

  fileprivate init(_ parameters: ParameterVector, input: [Float]?) {
    self.parameters = parameters
    self.input = input
  }

  /// The gradient of one parameter.
  package subscript(name: String) -> [Float] { withExtendedLifetime(self) { Array(parameters[name]) } }

  /// The gradients of all parameters, as they lie in the vector.
  package var all: [Float] { parameters.memory.array }
}

/// A layer list made for a few images, and the function L = <c, y> of its output y for fixed coefficients c.
package final class SampleNetwork {
  package let list: LayerList
  package let images: Int
  package let context: ExecutionContext
  package let parameters: ParameterVector
  package let statistics: ParameterVector
  package let inputs: [Activation]
  /// The image planes of the pass; a single float for lists that do not begin with the image.
  package let planes: AlignedMemory
  package let stack: LayerStack
  /// The coefficients c.
  package let coefficients: [Float]
  private let dropoutKey: DropoutKey?
  /// Gradients in channel blocks, or the activations of inference.
  package let buffer: PingPongBuffer

  /// - Parameters:
  ///   - inputs: the number of inputs that the first layer reads, all of the same shape.
  ///   - smooth: sets biases or shifts so far from zero that no ReLU reaches its corner.
  ///   - biases: the smallest magnitude of these biases.
  package init(
    _ list: LayerList, images: Int = 2, inputs: Int = 1, purpose: NetworkPurpose = .training, smooth: Bool = true,
    biases: Float = 0.3, poolingIndices: [String: PoolingIndices] = [:], dropout: (rate: Float, key: DropoutKey)? = nil,
    parameters given: ParameterVector? = nil, context: ExecutionContext? = nil
  ) {
    self.list = list
    self.images = images
    self.context = context ?? ExecutionContext(workers: WorkerPool(threads: 2))
    parameters = given ?? ParameterVector(list.parameterTable)
    statistics = ParameterVector(list.statisticsTable)
    if given == nil { Self.fill(parameters, smooth: smooth, biases: biases) }
    for (index, parameter) in statistics.table.parameters.enumerated() {
      let isVariance = parameter.role == .batchNormVariance
      ReferenceValues.fill(statistics[index], parameter.name, center: isVariance ? 1 : 0.1, amplitude: 0.4)
    }
    let shape = list.specs[0].input
    planes = AlignedMemory(floats: shape.layout == .planes ? images * shape.count : 1)
    self.inputs = (0..<inputs).map { index in
      switch shape.layout {
      case .planes: return .image
      case .maps:
        return .maps(
          FeatureMaps(images: images, channels: shape.channels, height: shape.height, width: shape.width))
      case .rows: return .rows(PlainValues(floats: images * shape.count, trained: purpose == .training))
      }
    }
    // Normalized layers whose output is in rows pass their gradients through channel blocks, too.
    buffer = PingPongBuffer(
      images: images, largest: images * list.specs.flatMap { [$0.input.count, $0.output.count] }.max()!)
    dropoutKey = dropout?.key
    stack = LayerStack(
      list, images: images, purpose: purpose, inputs: self.inputs, parameters: parameters, statistics: statistics,
      maps: buffer, poolingIndices: poolingIndices, dropoutRate: dropout?.rate ?? 0, context: self.context)
    coefficients = ReferenceValues.values(
      "coefficients", count: images * stack.list.shape.count, center: 0.2, amplitude: 1)
    ReferenceValues.fill(planes.buffer, "planes")
    for (index, input) in self.inputs.enumerated() where shape.layout != .planes {
      ReferenceValues.fill(input.values, index == 0 ? "input" : "input \(index)")
    }
  }

  /// Sets weights of unit gain and scales about one.
  package static func fill(_ vector: ParameterVector, smooth: Bool, biases: Float = 0.3) {
    for (index, parameter) in vector.table.parameters.enumerated() {
      let values = vector[index]
      switch parameter.role {
      case .weight:
        let transposed = parameter.name.contains("deconv")
        let fanIn = parameter.shape[transposed ? 0 : 1] * parameter.shape[2] * parameter.shape[3]
        ReferenceValues.fill(values, parameter.name, amplitude: (3 / Double(fanIn)).squareRoot())
      case .bias: fillFarFromZero(values, biases)
      case .batchNormScale: ReferenceValues.fill(values, parameter.name, center: 1, amplitude: 0.3)
      case .batchNormShift where smooth: fillFarFromZero(values, 6)
      case .batchNormShift: ReferenceValues.fill(values, parameter.name, center: 0.2, amplitude: 0.3)
      case .batchNormMean, .batchNormVariance: preconditionFailure("\(parameter.name) is a statistic")
      }
    }
  }

  /// Every third channel stays below zero, the others above.
  private static func fillFarFromZero(_ values: UnsafeMutableBufferPointer<Float>, _ distance: Float) {
    for channel in values.indices {
      values[channel] = (channel % 3 == 1 ? -1 : 1) * (distance + Float(channel % 5) / 4)
    }
  }

  /// The memory of the first input, for as long as the network lives.
  package var inputBuffer: UnsafeMutableBufferPointer<Float> {
    list.specs[0].input.layout == .planes ? planes.buffer : inputs[0].values
  }

  package var input: [Float] { withExtendedLifetime(self) { Array(inputBuffer) } }

  package var output: [Float] { withExtendedLifetime(self) { Array(stack.output.values) } }

  /// The values of a parameter or a statistic.
  package func values(_ name: String) -> [Float] {
    withExtendedLifetime(self) {
      Array(parameters.table.index(of: name) == nil ? statistics[name] : parameters[name])
    }
  }

  /// Runs the forward pass with the parameters as they are now.
  package func forward() {
    stack.weightsChange()
    stack.forward(ForwardPass(planes: planes.pointer, dropoutKey: dropoutKey))
  }

  /// L after a forward pass.
  package func loss() -> Double {
    forward()
    let output = stack.output.values
    return coefficients.indices.reduce(0.0) { $0 + Double(coefficients[$1]) * Double(output[$1]) }
  }

  /// Computes the gradient of L, after `forward`.
  ///
  /// - Parameter layers: the number of layers, counted from the last, that the pass goes through; nil for all.
  package func backward(layers count: Int? = nil) -> SampleGradient {
    let whole = WholeGradient(parameters.table, rows: parameters.table.factorRows(images: images))
    let pass = BackwardPass(planes: planes.pointer, shard: whole.shard, buffer: buffer)
    switch stack.output {
    case .maps(let maps):
      let gradient = FeatureMaps(images: images, channels: maps.channels, height: maps.height, width: maps.width)
      gradient.data.update(from: coefficients, count: coefficients.count)
      pass.gradient = gradient
    case .rows(let values), .planes(let values):
      values.requiredGradient.pointer.update(from: coefficients, count: coefficients.count)
    case .image: preconditionFailure("no layer's output is the image")
    }
    for layer in stack.layers.reversed().prefix(count ?? stack.layers.count) { layer.backward(pass) }
    whole.complete(context.workers)
    let input: [Float]? =
      switch inputs[0] {
      case .maps: pass.gradient.map { Array(UnsafeBufferPointer(start: $0.data, count: $0.count)) }
      case .rows(let values): values.requiredGradient.array
      case .image, .planes: nil
      }
    return SampleGradient(whole.vector, input: input)
  }

  /// Checks the gradients of the input and of every parameter against differences.
  ///
  /// - Parameters:
  ///   - ulps: the float32 rounding error of each of y's values, in units of the last place.
  ///   - vanishes: true for further parameters whose gradients are zero in exact arithmetic, as those of biases before
  ///     batch normalization are.
  package func gradientFailures(
    step: GradientCheck.Step = .relative(3e-3), tolerance: (Double, Double) = (1e-3, 2e-3), ulps: Double = 20,
    vanishes: (ParameterSpec) -> Bool = { _ in false }
  ) -> [String] {
    forward()
    let products = zip(coefficients, output).map { Double($0) * Double($1) }
    let noise = ulps * 6e-8 * products.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
    let gradient = backward()
    let check = GradientCheck(step: step, tolerance: tolerance, noise: noise, loss: loss)
    var failures: [String] = []
    if let own = gradient.input { failures += check.failures("input", inputBuffer, gradient: own) }
    for (index, parameter) in parameters.table.parameters.enumerated() {
      let isNormalized = parameters.table.index(of: "\(parameter.layer).bn.scale") != nil
      failures += check.failures(
        parameter.name, parameters[index], gradient: gradient[parameter.name],
        vanishes: parameter.role == .bias && isNormalized || vanishes(parameter))
    }
    return failures
  }
}

extension Activation {
  /// The values of an activation that is not the image.
  package var values: UnsafeMutableBufferPointer<Float> {
    switch self {
    case .maps(let maps): UnsafeMutableBufferPointer(start: maps.data, count: maps.count)
    case .rows(let values), .planes(let values): values.values.buffer
    case .image: preconditionFailure("the image has no memory of its own")
    }
  }
}

extension AlignedMemory {
  /// A copy of the values. `buffer` may outlive the memory, which Swift frees after its last use.
  package var array: [Float] { withExtendedLifetime(self) { Array(buffer) } }
}
