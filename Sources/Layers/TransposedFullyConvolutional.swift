// A transposed fully convolutional layer with batch normalization and ReLU: fc6_deconv, which turns the bridge's rows
// back into maps of pool5's size (docs/reference.md section 2).
import Compute
import Kernels

package struct TransposedFullyConvolutionalSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  package let output: ActivationShape
  package let kernel: Int
  let section: String
  let normalization: BatchNormalizationSpec

  var unfolding: Im2ColShape {
    Im2ColShape(channels: output.channels, height: output.height, width: output.width, kernel: kernel)
  }

  package var parameters: [ParameterSpec] {
    WeightSpecs(
      layer: name, section: section, layout: .transposed, inputs: input.channels, outputs: output.channels,
      kernel: kernel, factors: FactorShape(rowsPerImage: input.pixels, unfolding: unfolding)
    ).specs + normalization.parameters(layer: name, section: section)
  }

  package var statistics: [ParameterSpec] { normalization.statistics(layer: name, section: section) }
  package var multiplyAdds: Int { input.pixels * input.channels * output.channels * kernel * kernel }

  package func makeLayer(_ resources: LayerResources) -> any Layer {
    TransposedFullyConvolutionalLayer(self, resources)
  }

  package func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?) {
    folding.foldOutputs(of: name, outputAxis: 1, normalization)
  }
}

extension LayerList {
  /// Appends a transposed fully convolutional layer with batch normalization and ReLU.
  package mutating func transposedFullyConvolutional(
    _ name: String, _ channels: Int, kernel: Int, normalization: BatchNormalizationStyle
  ) {
    let name = fullName(name)
    append(
      TransposedFullyConvolutionalSpec(
        name: name, input: shape,
        output: ActivationShape(
          .maps, channels: channels, height: shape.height + kernel - 1, width: shape.width + kernel - 1),
        kernel: kernel, section: section,
        normalization: BatchNormalizationSpec(name: "\(name).bn", channels: channels, style: normalization)))
  }
}

package final class TransposedFullyConvolutionalLayer: Layer {
  private let spec: TransposedFullyConvolutionalSpec
  private let context: ExecutionContext
  private let product: DenseLayer
  private let input: PlainValues
  private let folding: Im2Col
  /// [M][K k k], before folding
  private let productRows: AlignedMemory
  private let normalized: BatchNormReLU

  package var output: Activation { .maps(normalized.output) }

  init(_ spec: TransposedFullyConvolutionalSpec, _ resources: LayerResources) {
    self.spec = spec
    context = resources.context
    input = resources.input.rows
    folding = spec.unfolding.im2col(images: resources.images)
    product = DenseLayer(
      spec.name, layout: .transposed, rows: folding.rows, inputs: spec.input.channels, outputs: folding.columns,
      parameters: resources.parameters, isTrained: resources.isTrained, context: context)
    productRows = AlignedMemory(floats: folding.rows * folding.columns)
    normalized = BatchNormReLU(spec.normalization, layer: spec.name, shape: spec.output, resources)
  }

  package func forward(_ pass: ForwardPass) {
    product.multiply(input.values, into: productRows)
    context.stage("\(spec.name).fold", .reordering, .forward)
    context.run(folding.foldTasks) {
      folding.fold(productRows.pointer, into: normalized.preActivation.data, task: $0)
    }
    normalized.forwardFromMaps(bias: product.biasValues)
  }

  package func backward(_ pass: BackwardPass) {
    let gradient = pass.requiredGradient
    normalized.backward(maps: gradient, parameterGradient: pass.parameterGradient)
    product.zeroBiasGradient(count: spec.output.channels, in: pass.parameterGradient)
    context.stage("\(spec.name).fold", .reordering, .backward)
    context.run(folding.tasks) { folding.unfold(gradient.data, into: productRows.pointer, task: $0) }
    product.weightGradient(input.values, productRows, maps: gradient, into: pass.shard)
    product.multiplyBack(productRows, into: input.requiredGradient)
    pass.gradient = nil
  }

  package func copyStatistics(into vector: ParameterVector) { normalized.copyStatistics(into: vector) }
}
