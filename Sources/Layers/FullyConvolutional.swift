// Fully connected layers applied as convolutions without padding: fc6, fc7, and score layers. They are products of
// rows, since their maps are small and their weights are hundreds of megabytes.
//
//   M rows: one for each image and position of the output map
import Compute
import Kernels

package struct FullyConvolutionalSpec: LayerSpec {
  package enum Activation: Sendable {
    case none
    case relu
    case batchNormReLU(BatchNormalizationSpec)
  }

  package let name: String
  package let input: ActivationShape
  package let output: ActivationShape
  package let kernel: Int
  package let activation: Activation
  let section: String
  let gradient: GradientForm
  let rateMultiplier: Float
  let isScore: Bool

  /// The unfolding of input maps; nil where the input is in rows.
  var unfolding: Im2ColShape? {
    input.layout == .maps
      ? Im2ColShape(channels: input.channels, height: input.height, width: input.width, kernel: kernel) : nil
  }

  package var normalization: BatchNormalizationSpec? {
    if case .batchNormReLU(let normalization) = activation { normalization } else { nil }
  }

  package var parameters: [ParameterSpec] {
    WeightSpecs(
      layer: name, section: section, layout: .convolution, inputs: input.channels, outputs: output.channels,
      kernel: kernel, rateMultiplier: rateMultiplier,
      factors: gradient == .factored ? FactorShape(rowsPerImage: output.pixels, unfolding: unfolding) : nil,
      isScore: isScore
    ).specs + (normalization?.parameters(layer: name, section: section) ?? [])
  }

  package var statistics: [ParameterSpec] { normalization?.statistics(layer: name, section: section) ?? [] }
  /// Rows are normalized as maps.
  package var workingMaps: Int { normalization == nil ? 0 : output.count }
  package var multiplyAdds: Int { input.channels * kernel * kernel * output.channels * output.pixels }

  package func makeLayer(_ resources: LayerResources) -> any Layer { FullyConvolutionalLayer(self, resources) }

  package func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?) {
    if let normalization { folding.foldOutputs(of: name, outputAxis: 0, normalization) }
  }
}

extension LayerList {
  /// Appends a fully convolutional layer with ReLU, normalized before it if requested.
  /// - Parameter gradient: large matrices keep their gradients as factors.
  package mutating func fullyConvolutional(
    _ name: String, _ channels: Int, kernel: Int, gradient: GradientForm,
    normalization: BatchNormalizationStyle? = nil
  ) {
    let name = fullName(name)
    append(
      FullyConvolutionalSpec(
        name: name, input: shape, output: outputShape(channels, kernel), kernel: kernel,
        activation: normalization.map {
          .batchNormReLU(BatchNormalizationSpec(name: "\(name).bn", channels: channels, style: $0))
        } ?? .relu, section: section, gradient: gradient, rateMultiplier: 1, isScore: false))
  }

  /// Appends a 1x1 layer without activation that scores each class at each position.
  /// - Parameter rateMultiplier: how much faster the layer learns than the others.
  package mutating func score(_ name: String, classes: Int, rateMultiplier: Float = 1) {
    append(
      FullyConvolutionalSpec(
        name: fullName(name), input: shape, output: outputShape(classes, 1), kernel: 1, activation: .none,
        section: section, gradient: .stored, rateMultiplier: rateMultiplier, isScore: true))
  }

  private func outputShape(_ channels: Int, _ kernel: Int) -> ActivationShape {
    ActivationShape(
      .rows, channels: channels, height: shape.height - kernel + 1, width: shape.width - kernel + 1)
  }
}

package final class FullyConvolutionalLayer: Layer {
  package let spec: FullyConvolutionalSpec
  package let product: DenseLayer
  private let context: ExecutionContext
  private let input: Activation
  private let unfolding: Im2Col?
  /// [M][C k k]; the input's own rows where nothing is unfolded.
  private let inputRows: AlignedMemory
  /// [M][K], before batch normalization where there is one; the backward pass keeps the gradient there then.
  private let productRows: AlignedMemory
  private let normalized: BatchNormReLU?
  /// [M][K], after the activation (and after dropout, which works in place).
  package let rows: PlainValues

  package var output: Layers.Activation { .rows(rows) }

  init(_ spec: FullyConvolutionalSpec, _ resources: LayerResources) {
    self.spec = spec
    context = resources.context
    input = resources.input
    let count = resources.images * spec.output.pixels
    let columns = spec.input.channels * spec.kernel * spec.kernel
    if let shape = spec.unfolding {
      unfolding = shape.im2col(images: resources.images)
      inputRows = AlignedMemory(floats: count * columns)
    } else {
      precondition(spec.kernel == 1, "\(spec.name) has a window of \(spec.kernel) over an input in rows")
      unfolding = nil
      inputRows = input.rows.values
    }
    product = DenseLayer(
      spec.name, layout: .convolution, rows: count, inputs: columns, outputs: spec.output.channels,
      parameters: resources.parameters, isTrained: resources.isTrained, context: context)
    productRows = AlignedMemory(floats: count * spec.output.channels)
    if let normalization = spec.normalization {
      normalized = BatchNormReLU(normalization, layer: spec.name, shape: spec.output, resources)
      rows = PlainValues(values: AlignedMemory(floats: productRows.count), gradient: productRows)
    } else {
      normalized = nil
      rows = PlainValues(
        values: productRows, gradient: resources.isTrained ? AlignedMemory(floats: productRows.count) : nil)
    }
  }

  package func forward(_ pass: ForwardPass) {
    if let unfolding {
      let maps = input.maps
      context.stage("\(spec.name).unfold", .reordering, .forward)
      context.run(unfolding.tasks) { unfolding.unfold(maps.data, into: inputRows.pointer, task: $0) }
    }
    switch spec.activation {
    case .none: product.forward(inputRows, into: productRows, rectified: false)
    case .relu: product.forward(inputRows, into: productRows, rectified: true)
    case .batchNormReLU:
      product.multiply(inputRows, into: productRows)
      normalized!.forward(rows: productRows, bias: product.biasValues, into: rows.values)
    }
  }

  package func backward(_ pass: BackwardPass) {
    let gradient = rows.requiredGradient
    if let normalized {
      normalized.backward(
        rows: gradient, through: pass.nextMaps(like: normalized.output), parameterGradient: pass.parameterGradient)
      product.zeroBiasGradient(count: spec.output.channels, in: pass.parameterGradient)
    } else {
      if case .relu = spec.activation { product.rectifyGradient(gradient, output: rows.values) }
      product.biasGradient(gradient, into: pass.parameterGradient)
    }
    product.weightGradient(
      inputRows, gradient, maps: unfolding == nil ? nil : input.maps, into: pass.shard)
    guard let unfolding else {
      product.multiplyBack(gradient, into: input.rows.requiredGradient)
      return
    }
    // The unfolded input is no longer needed: its memory takes its gradient.
    product.multiplyBack(gradient, into: inputRows)
    let inputGradient = pass.nextMaps(like: input.maps)
    context.stage("\(spec.name).unfold", .reordering, .backward)
    context.run(unfolding.foldTasks) { unfolding.fold(inputRows.pointer, into: inputGradient.data, task: $0) }
    pass.gradient = inputGradient
  }

  package func copyStatistics(into vector: ParameterVector) { normalized?.copyStatistics(into: vector) }
}
