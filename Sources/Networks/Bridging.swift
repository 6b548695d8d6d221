// The bridging layers (paper section 4.3; docs/reference.md section 2): pool5's features and the chosen labels' saliency,
// each normalised, concatenated in that order, through fc6, fc7 and fc6_deconv to the class-specific activation map g.
//
//   N images   C channels of pool5   B channels of the bridge (2048 at width 1)   M rows: N * scorePixels
import Compute
import Kernels

package final class Bridging {
  private let context: ExecutionContext
  private let images: Int
  private let blockFloats: Int
  private let pool5Normalization: BatchNormalizationLayer
  private let saliencyNormalization: BatchNormalizationLayer
  private let pool5Normalized: FeatureMaps
  private let saliencyNormalized: FeatureMaps
  /// (N, 2C/16, h, w, 16)
  private let concatenated: FeatureMaps
  private let unfolding: Im2Col
  private let inputRows: AlignedMemory
  private let fc6: DenseLayer
  private let fc7: DenseLayer
  private let deconvolution: DenseLayer
  private let fc6Rows: AlignedMemory
  private let fc7Rows: AlignedMemory
  /// [M][C * k * k], before folding
  private let deconvolutionRows: AlignedMemory
  private let deconvolutionFolding: Im2Col
  private let fc6Output: BatchNormReLU
  private let fc7Output: BatchNormReLU
  private let deconvolutionOutput: BatchNormReLU
  private let scoreMaps: FeatureMaps
  private let channels: Int

  /// g: (N, C, S/32, S/32), after ReLU.
  package var output: FeatureMaps { deconvolutionOutput.output }

  package init(_ shape: NetworkShape, images: Int, parameters: ParameterVector, context: ExecutionContext) {
    self.context = context
    self.images = images
    let (c5, bridge, k) = (shape.channels(512), shape.channels(2048), shape.fc6Kernel)
    let (mapSize, scoreSize) = (shape.pool5Size, shape.scoreSize)
    channels = c5
    blockFloats = c5 * mapSize * mapSize
    func inputNormalization(_ name: String) -> BatchNormalizationLayer {
      BatchNormalizationLayer(
        name, images: images, channels: c5, size: mapSize, epsilon: BatchNormalizationLayer.authorsEpsilon,
        rectified: false, parameters: parameters, context: context)
    }
    pool5Normalization = inputNormalization("bridging.pool5_bn")
    saliencyNormalization = inputNormalization("bridging.saliency_bn")
    pool5Normalized = FeatureMaps(images: images, channels: c5, height: mapSize, width: mapSize)
    saliencyNormalized = FeatureMaps(images: images, channels: c5, height: mapSize, width: mapSize)
    concatenated = FeatureMaps(images: images, channels: 2 * c5, height: mapSize, width: mapSize)
    unfolding = Im2Col(images: images, channels: 2 * c5, height: mapSize, width: mapSize, kernel: k)
    deconvolutionFolding = Im2Col(images: images, channels: c5, height: mapSize, width: mapSize, kernel: k)
    let rows = unfolding.rows
    inputRows = AlignedMemory(floats: rows * unfolding.columns)
    fc6 = DenseLayer(
      "bridging.fc6", rows: rows, inputs: unfolding.columns, outputs: bridge, parameters: parameters, context: context)
    fc7 = DenseLayer("bridging.fc7", rows: rows, inputs: bridge, outputs: bridge, parameters: parameters, context: context)
    deconvolution = DenseLayer(
      "bridging.fc6_deconv", kind: .transposed, rows: rows, inputs: bridge, outputs: deconvolutionFolding.columns,
      parameters: parameters, context: context)
    fc6Rows = AlignedMemory(floats: rows * bridge)
    fc7Rows = AlignedMemory(floats: rows * bridge)
    deconvolutionRows = AlignedMemory(floats: rows * deconvolutionFolding.columns)
    func normalized(_ name: String, _ channels: Int, _ size: Int) -> BatchNormReLU {
      BatchNormReLU(name, images: images, channels: channels, size: size, parameters: parameters, context: context)
    }
    fc6Output = normalized("bridging.fc6", bridge, scoreSize)
    fc7Output = normalized("bridging.fc7", bridge, scoreSize)
    deconvolutionOutput = normalized("bridging.fc6_deconv", c5, mapSize)
    scoreMaps = FeatureMaps(images: images, channels: bridge, height: scoreSize, width: scoreSize)
  }

  /// - Parameter stored: statistics to normalise with; nil for the shard's own.
  package func forward(pool5: FeatureMaps, saliency: FeatureMaps, stored: ParameterVector?) {
    context.need("bridging.pool5_bn")
    context.need("bridging.saliency_bn")
    if let stored {
      pool5Normalization.forward(pool5, into: pool5Normalized, stored: stored)
      saliencyNormalization.forward(saliency, into: saliencyNormalized, stored: stored)
    } else {
      pool5Normalization.forward(pool5, into: pool5Normalized)
      saliencyNormalization.forward(saliency, into: saliencyNormalized)
    }
    context.stage("bridging.fc6.unfold", .forward)
    context.run(2 * images) { task in
      let half = (task % 2 == 0 ? pool5Normalized : saliencyNormalized).data + task / 2 * blockFloats
      (concatenated.data + task * blockFloats).update(from: half, count: blockFloats)
    }
    context.run(unfolding.tasks) { unfolding.unfold(concatenated.data, into: inputRows.pointer, task: $0) }
    fc6.multiply(inputRows, into: fc6Rows)
    fc6Output.forward(rows: fc6Rows, bias: fc6.biasValues, stored: stored)
    fc7.multiply(fc6Output.outputRows, into: fc7Rows)
    fc7Output.forward(rows: fc7Rows, bias: fc7.biasValues, stored: stored)
    deconvolution.multiply(fc7Output.outputRows, into: deconvolutionRows)
    context.stage("bridging.fc6_deconv.fold", .forward)
    context.run(deconvolutionFolding.foldTasks) {
      deconvolutionFolding.fold(deconvolutionRows.pointer, into: deconvolutionOutput.preActivation.data, task: $0)
    }
    deconvolutionOutput.forwardFromMaps(bias: deconvolution.biasValues, stored: stored)
  }

  /// From the gradient of g (overwritten) to those of the parameters. Nothing goes on into the classification network.
  /// What the forward pass left in the row buffers is overwritten on the way.
  package func backward(
    pool5: FeatureMaps, saliency: FeatureMaps, gradient: FeatureMaps, into shard: ShardGradient
  ) {
    let parameterGradient = shard.stored
    let bridge = fc7.outputs
    deconvolutionOutput.backward(maps: gradient, parameterGradient: parameterGradient)
    deconvolution.zeroBiasGradient(count: channels, in: parameterGradient)
    context.stage("bridging.fc6_deconv.fold", .backward)
    context.run(deconvolutionFolding.tasks) {
      deconvolutionFolding.unfold(gradient.data, into: deconvolutionRows.pointer, task: $0)
    }
    deconvolution.weightGradient(fc7Output.outputRows, deconvolutionRows, maps: gradient, into: shard)
    deconvolution.multiplyBack(deconvolutionRows, into: fc7Rows)

    fc7Output.backward(rows: fc7Rows, through: scoreMaps, parameterGradient: parameterGradient)
    fc7.zeroBiasGradient(count: bridge, in: parameterGradient)
    fc7.weightGradient(fc6Output.outputRows, fc7Rows, into: shard)
    fc7.multiplyBack(fc7Rows, into: fc6Rows)

    fc6Output.backward(rows: fc6Rows, through: scoreMaps, parameterGradient: parameterGradient)
    fc6.zeroBiasGradient(count: bridge, in: parameterGradient)
    fc6.weightGradient(inputRows, fc6Rows, maps: concatenated, into: shard)
    // The two scales at the input are all that needs fc6's data gradient.
    fc6.multiplyBack(fc6Rows, into: inputRows)
    context.stage("bridging.fc6.unfold", .backward)
    context.run(unfolding.foldTasks) { unfolding.fold(inputRows.pointer, into: concatenated.data, task: $0) }
    context.run(2 * images) { task in
      let half = (task % 2 == 0 ? pool5Normalized : saliencyNormalized).data + task / 2 * blockFloats
      half.update(from: concatenated.data + task * blockFloats, count: blockFloats)
    }
    pool5Normalization.backward(pool5, gradient: pool5Normalized, parameterGradient: parameterGradient)
    context.gradientIsComplete(of: "bridging.pool5_bn")
    saliencyNormalization.backward(saliency, gradient: saliencyNormalized, parameterGradient: parameterGradient)
    context.gradientIsComplete(of: "bridging.saliency_bn")
  }

  package func copyStatistics(into vector: ParameterVector) {
    pool5Normalization.copyStatistics(into: vector)
    saliencyNormalization.copyStatistics(into: vector)
    for output in [fc6Output, fc7Output, deconvolutionOutput] { output.copyStatistics(into: vector) }
  }
}
