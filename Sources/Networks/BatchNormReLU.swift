// What follows each matrix product of the bridging layers: bias, batch normalisation, ReLU; and the way from rows to
// maps and back, since the products work on rows and the normalisation on channel blocks.
import Kernels
import Compute

final class BatchNormReLU {
  private let name: String
  private let context: ExecutionContext
  private let normalization: BatchNormalizationLayer
  private let layout: BlockedLayout
  private let bias: ChannelBias
  /// Before normalisation.
  let preActivation: FeatureMaps
  /// After ReLU.
  let output: FeatureMaps
  /// The output as rows [M][C].
  let outputRows: AlignedMemory

  init(
    _ name: String, images: Int, channels: Int, size: Int, parameters: ParameterVector, context: ExecutionContext
  ) {
    self.name = name
    self.context = context
    normalization = BatchNormalizationLayer(
      "\(name).bn", images: images, channels: channels, size: size, epsilon: BatchNormalizationLayer.authorsEpsilon,
      rectified: true, parameters: parameters, context: context)
    layout = BlockedLayout(images: images, channels: channels, height: size, width: size)
    bias = ChannelBias(images: images, channels: channels, height: size, width: size)
    preActivation = FeatureMaps(images: images, channels: channels, height: size, width: size)
    output = FeatureMaps(images: images, channels: channels, height: size, width: size)
    outputRows = AlignedMemory(floats: output.count)
  }

  /// From a product's rows.
  func forward(rows: AlignedMemory, bias: UnsafePointer<Float>, stored: ParameterVector?) {
    context.stage("\(name).rows", .forward)
    context.run(layout.tasks) {
      layout.toMaps(rows.pointer, bias: bias, rectified: false, into: preActivation.data, task: $0)
    }
    normalize(stored)
    context.stage("\(name).rows", .forward)
    context.run(layout.tasks) { layout.toRows(output.data, into: outputRows.pointer, task: $0) }
  }

  /// From maps that the caller has put into `preActivation`, still without their bias.
  func forwardFromMaps(bias values: UnsafePointer<Float>, stored: ParameterVector?) {
    context.stage("\(name).rows", .forward)
    context.run(bias.tasks) { bias.add(values, to: preActivation.data, task: $0) }
    normalize(stored)
  }

  private func normalize(_ stored: ParameterVector?) {
    if let stored {
      normalization.forward(preActivation, into: output, stored: stored)
    } else {
      normalization.forward(preActivation, into: output)
    }
  }

  /// From the gradient of the output's rows to that of the product's rows; `maps` is memory for it on the way.
  func backward(rows: AlignedMemory, through maps: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>) {
    context.stage("\(name).rows", .backward)
    context.run(layout.tasks) { layout.toMaps(rows.pointer, bias: nil, rectified: false, into: maps.data, task: $0) }
    normalization.backward(preActivation, gradient: maps, parameterGradient: parameterGradient)
    context.stage("\(name).rows", .backward)
    context.run(layout.tasks) { layout.toRows(maps.data, into: rows.pointer, task: $0) }
  }

  /// The same on maps, in place.
  func backward(maps: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>) {
    normalization.backward(preActivation, gradient: maps, parameterGradient: parameterGradient)
  }

  func copyStatistics(into vector: ParameterVector) { normalization.copyStatistics(into: vector) }
}
