// The steps that follow each matrix product of the bridging layers: bias, batch normalization, ReLU. Products work on
// rows and the normalization on channel blocks, so the values change their layout on the way in and out.
import Compute
import Kernels

final class BatchNormReLU {
  private let name: String
  private let context: ExecutionContext
  private let normalization: BatchNormalizationLayer
  private let layout: BlockedLayout
  private let bias: ChannelBias
  /// The values before normalization.
  let preActivation: FeatureMaps
  /// The values after ReLU.
  let output: FeatureMaps

  /// - Parameter layer: the layer whose products are normalized.
  init(_ spec: BatchNormalizationSpec, layer: String, shape: ActivationShape, _ resources: LayerResources) {
    name = layer
    context = resources.context
    let (images, channels) = (resources.images, spec.channels)
    normalization = BatchNormalizationLayer(spec, shape: shape, rectified: true, resources)
    layout = BlockedLayout(images: images, channels: channels, height: shape.height, width: shape.width)
    bias = ChannelBias(images: images, channels: channels, height: shape.height, width: shape.width)
    preActivation = FeatureMaps(images: images, channels: channels, height: shape.height, width: shape.width)
    output = FeatureMaps(images: images, channels: channels, height: shape.height, width: shape.width)
  }

  /// From the rows of a product to the rows of the output.
  func forward(rows: AlignedMemory, bias: UnsafePointer<Float>, into outputRows: AlignedMemory) {
    context.stage("\(name).rows", .reordering, .forward)
    context.run(layout.tasks) {
      layout.toMaps(rows.pointer, bias: bias, rectified: false, into: preActivation.data, task: $0)
    }
    normalization.forward(preActivation, into: output)
    context.stage("\(name).rows", .reordering, .forward)
    context.run(layout.tasks) { layout.toRows(output.data, into: outputRows.pointer, task: $0) }
  }

  /// From maps that the caller has put into `preActivation`, still without their bias, to `output`.
  func forwardFromMaps(bias values: UnsafePointer<Float>) {
    context.stage("\(name).rows", .reordering, .forward)
    context.run(bias.tasks) { bias.add(values, to: preActivation.data, task: $0) }
    normalization.forward(preActivation, into: output)
  }

  /// Turns the gradient of the output's rows into that of the product's rows, in place; `maps` is working memory.
  func backward(rows: AlignedMemory, through maps: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>) {
    context.stage("\(name).rows", .reordering, .backward)
    context.run(layout.tasks) { layout.toMaps(rows.pointer, bias: nil, rectified: false, into: maps.data, task: $0) }
    normalization.backward(preActivation, gradient: maps, parameterGradient: parameterGradient)
    context.stage("\(name).rows", .reordering, .backward)
    context.run(layout.tasks) { layout.toRows(maps.data, into: rows.pointer, task: $0) }
  }

  /// The same for a gradient in maps.
  func backward(maps: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>) {
    normalization.backward(preActivation, gradient: maps, parameterGradient: parameterGradient)
  }

  func copyStatistics(into vector: ParameterVector) { normalization.copyStatistics(into: vector) }
}
