// The deconvolution network (paper section 4.2; docs/reference.md section 2): five times unpooling by the classification
// network's poolingIndices and 3x3 transposed convolutions with batch norm and ReLU, then two scores a pixel.
//
//   N images   S side   scores (N, 2, S, S): plane 0 background, plane 1 foreground
import Kernels
import Compute

package final class SegmentationNetwork {
  private let shape: NetworkShape
  private let images: Int
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let blocks: [Block]
  private let score: PointwiseScore
  private let scoreWeight: Int
  private let scoreBias: Int
  private let gradients: PingPongBuffer?

  /// (N, 2, S, S), before the softmax.
  package let scores: AlignedMemory
  /// The gradient of the scores: the loss writes it, `backward` reads it.
  package let scoreGradient: AlignedMemory

  private struct Block {
    /// A pooling's shape: unpooling is its scatter, unpooling's backward pass its gather.
    let pooling: MaxPooling
    let unpooled: FeatureMaps
    let layers: [ConvolutionLayer]
  }

  /// - Parameter maps: memory for the backward pass that is free until `forward` begins.
  package init(
    _ shape: NetworkShape, images: Int, trained: Bool, parameters: ParameterVector, maps: PingPongBuffer? = nil,
    context: ExecutionContext
  ) {
    self.shape = shape
    self.images = images
    self.context = context
    self.parameters = parameters
    let side = shape.inputSize
    let largest = images * shape.channels(64) * side * side
    // Training keeps every activation for the backward pass; without it each is needed by the next layer only.
    let shared = trained ? nil : PingPongBuffer(images: images, largest: largest)
    func place(_ channels: Int, _ size: Int) -> FeatureMaps? { shared?.next(channels: channels, size: size) }
    let gradients = trained ? maps ?? PingPongBuffer(images: images, largest: largest) : nil
    let last = shape.segmentationBlocks[4].last!
    blocks = shape.segmentationBlocks.enumerated().map { index, layers in
      let size = side >> (4 - index)
      let input = layers[0].inputChannels
      return Block(
        pooling: MaxPooling(images: images, channels: input, height: size, width: size),
        unpooled: place(input, size) ?? FeatureMaps(images: images, channels: input, height: size, width: size),
        layers: layers.map { layer in
          ConvolutionLayer(
            layer, kind: .transposed, images: images, size: size, trained: trained, normalized: true,
            epsilon: BatchNormalizationLayer.authorsEpsilon, parameters: parameters,
            // Only the score reads the last layer's output, and its gradient is the first thing that backward takes.
            output: layer.name == last.name
              ? gradients?.first(channels: last.outputChannels, size: size) ?? place(layer.outputChannels, size)
              : place(layer.outputChannels, size), context: context)
        })
    }
    score = PointwiseScore(images: images, channels: shape.channels(64), height: side, width: side)
    scoreWeight = parameters.table.offset(of: "segmentation.score.weight")
    scoreBias = parameters.table.offset(of: "segmentation.score.bias")
    scores = AlignedMemory(floats: images * 2 * side * side)
    scoreGradient = AlignedMemory(floats: trained ? images * 2 * side * side : 0)
    self.gradients = gradients
    context.reserve(floats: score.workspaceFloats)
  }

  /// The parameters will have changed by the next forward pass.
  package func weightsChange() {
    for layer in blocks.flatMap(\.layers) { layer.weightsChange() }
  }

  package func prepare(statistics: ParameterVector) {
    for layer in blocks.flatMap(\.layers) { layer.prepare(statistics: statistics) }
  }

  /// - Parameter poolingIndices: of pool1 to pool5, in that order.
  package func forward(_ activation: FeatureMaps, poolingIndices: [PoolingIndices]) {
    var maps = activation
    for (index, block) in blocks.enumerated() {
      context.stage("segmentation.unpool\(5 - index)", .forward)
      context.run(block.pooling.tasks) {
        block.pooling.scatter(maps.data, poolingIndices: poolingIndices[4 - index].pointer, into: block.unpooled.data, task: $0)
      }
      maps = block.unpooled
      for layer in block.layers {
        layer.forward(maps)
        maps = layer.output
      }
    }
    context.need("segmentation.score")
    context.stage("segmentation.score", .forward)
    context.run(score.tasks) {
      score.apply(
        maps.data, weights: parameters.pointer + scoreWeight, bias: parameters.pointer + scoreBias,
        into: scores.pointer, task: $0)
    }
  }

  /// From `scoreGradient` to the gradients of the parameters; returns that of the activation map.
  package func backward(poolingIndices: [PoolingIndices], into parameterGradient: UnsafeMutablePointer<Float>) -> FeatureMaps {
    guard let gradients else { preconditionFailure("the network was made without its backward pass") }
    func buffer(like maps: FeatureMaps, size: Int) -> FeatureMaps {
      gradients.next(channels: maps.channels, size: size)
    }
    let top = blocks[4].layers.last!.output
    let workspace = context.workspace
    context.stage("segmentation.score", .weightGradient)
    context.run(score.tasks) {
      score.gatherWeightGradient(top.data, scoreGradient: scoreGradient.pointer, workspace: workspace, task: $0)
    }
    score.combineWeightGradient(
      workspace: workspace, weightGradient: parameterGradient + scoreWeight, biasGradient: parameterGradient + scoreBias
    )
    context.gradientIsComplete(of: "segmentation.score")
    var gradient = buffer(like: top, size: top.height)
    context.stage("segmentation.score", .dataGradient)
    context.run(score.tasks) {
      score.dataGradient(
        scoreGradient: scoreGradient.pointer, weights: parameters.pointer + scoreWeight, into: gradient.data, task: $0)
    }
    for (index, block) in blocks.enumerated().reversed() {
      for position in block.layers.indices.reversed() {
        let input = position > 0 ? block.layers[position - 1].output : block.unpooled
        let next = buffer(like: input, size: input.height)
        block.layers[position].backward(input, gradient: gradient, into: next, parameterGradient: parameterGradient)
        gradient = next
      }
      let below = buffer(like: block.unpooled, size: block.unpooled.height / 2)
      context.stage("segmentation.unpool\(5 - index)", .backward)
      context.run(block.pooling.tasks) {
        block.pooling.gather(gradient.data, poolingIndices: poolingIndices[4 - index].pointer, into: below.data, task: $0)
      }
      gradient = below
    }
    return gradient
  }

  package func copyStatistics(into vector: ParameterVector) {
    for layer in blocks.flatMap(\.layers) { layer.copyStatistics(into: vector) }
  }
}
