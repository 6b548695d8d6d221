// VGG16 as convolutions (paper section 4.1; docs/reference.md section 2): five blocks of 3x3 layers and poolings, fc6, fc7
// and the score map, whose average is the image's score for each class.
//
//   N images   S input side   L classes   M = N * scorePixels rows of the score map
import Compute
import Kernels

/// The classification network for N images at a time.
package final class ClassificationNetwork {
  package enum Purpose: Sendable {
    /// Forward and backward, normalising over the shard where there is batch normalisation.
    case training
    /// Forward only, with stored statistics: phase two and inference. Activations share two buffers.
    case features
  }

  package let shape: NetworkShape
  package let images: Int
  let context: ExecutionContext
  private let parameters: ParameterVector
  private let statistics: ParameterVector
  private let purpose: Purpose

  /// conv1_1 reads planes; every other layer reads channel blocks.
  private let first: PlanarConvolutionLayer
  /// The layers after conv1_1, block by block.
  private let blocks: [Block]
  private let unfolding: Im2Col
  /// [M][C * k * k]
  private let pool5Rows: AlignedMemory
  let fc6: DenseLayer
  let fc7: DenseLayer
  private let score: DenseLayer
  /// [M][fc], after ReLU (and dropout while training).
  let fc6Rows: AlignedMemory
  let fc7Rows: AlignedMemory
  /// [M][L], before any pooling.
  private let scoreRows: AlignedMemory
  private let scorePooling: ScorePooling
  private let gradients: Gradients?

  struct Block {
    let layers: [ConvolutionLayer]
    let pooling: MaxPooling
    let poolingIndices: PoolingIndices
    let pooled: FeatureMaps
  }

  /// Memory of the backward pass: the gradients of two neighbouring layers, used in turn.
  private struct Gradients {
    let maps: PingPongBuffer
    let fc6: AlignedMemory
    let fc7: AlignedMemory
    let score: AlignedMemory
    let pool5Rows: AlignedMemory
  }

  /// - Parameter maps: memory that a network for features may share with what runs after it.
  package init(
    _ shape: NetworkShape, images: Int, purpose: Purpose, parameters: ParameterVector, statistics: ParameterVector,
    maps: PingPongBuffer? = nil, context: ExecutionContext
  ) {
    self.shape = shape
    self.images = images
    self.purpose = purpose
    self.parameters = parameters
    self.statistics = statistics
    self.context = context
    let trained = purpose == .training
    let side = shape.inputSize
    let largest = images * shape.channels(64) * side * side
    // Training keeps every activation for the backward pass; without it each is needed by the next layer only.
    let shared = trained ? nil : maps ?? PingPongBuffer(images: images, largest: largest)
    func place(_ channels: Int, _ size: Int) -> FeatureMaps? { shared?.next(channels: channels, size: size) }

    let plan = shape.classificationBlocks
    first = PlanarConvolutionLayer(
      plan[0][0], images: images, size: side, trained: trained, normalized: shape.batchNormalization,
      parameters: parameters, output: place(plan[0][0].outputChannels, side), context: context)
    blocks = plan.enumerated().map { index, layers in
      let size = side >> index
      let convolutions = layers.dropFirst(index == 0 ? 1 : 0).map { layer in
        ConvolutionLayer(
          layer, kind: .convolution, images: images, size: size, trained: trained, normalized: shape.batchNormalization,
          epsilon: BatchNormalizationLayer.classificationEpsilon, parameters: parameters,
          output: place(layer.outputChannels, size), context: context)
      }
      let channels = layers.last!.outputChannels
      // pool5 lives on: the bridging layers read it.
      let pooled =
        (index == 4 ? nil : place(channels, size / 2))
        ?? FeatureMaps(images: images, channels: channels, height: size / 2, width: size / 2)
      return Block(
        layers: convolutions, pooling: MaxPooling(images: images, channels: channels, height: size, width: size),
        poolingIndices: PoolingIndices(count: pooled.count), pooled: pooled)
    }

    let (c5, fc, k) = (shape.channels(512), shape.channels(4096), shape.fc6Kernel)
    unfolding = Im2Col(images: images, channels: c5, height: shape.pool5Size, width: shape.pool5Size, kernel: k)
    let rows = unfolding.rows
    pool5Rows = AlignedMemory(floats: rows * unfolding.columns)
    fc6 = DenseLayer(
      "classification.fc6", rows: rows, inputs: unfolding.columns, outputs: fc, parameters: parameters, context: context)
    fc7 = DenseLayer("classification.fc7", rows: rows, inputs: fc, outputs: fc, parameters: parameters, context: context)
    score = DenseLayer(
      "classification.score", rows: rows, inputs: fc, outputs: shape.classes, parameters: parameters, context: context)
    fc6Rows = AlignedMemory(floats: rows * fc)
    fc7Rows = AlignedMemory(floats: rows * fc)
    scoreRows = AlignedMemory(floats: rows * shape.classes)
    scorePooling = ScorePooling(
      images: images, height: shape.scoreSize, width: shape.scoreSize, classes: shape.classes)
    gradients =
      trained
      ? Gradients(
        maps: PingPongBuffer(images: images, largest: largest), fc6: AlignedMemory(floats: rows * fc),
        fc7: AlignedMemory(floats: rows * fc), score: AlignedMemory(floats: rows * shape.classes),
        pool5Rows: AlignedMemory(floats: rows * unfolding.columns)) : nil
  }

  /// pool5's maps (N, C, S/32, S/32) of the last forward pass: the spatial half of the bridging layers' input.
  package var pool5: FeatureMaps { blocks[4].pooled }

  /// The poolingIndices of pool1 to pool5 of the last forward pass.
  package var poolingIndices: [PoolingIndices] { blocks.map(\.poolingIndices) }

  /// The parameters will have changed by the next forward pass.
  package func weightsChange() {
    first.weightsChange()
    for layer in blocks.flatMap(\.layers) { layer.weightsChange() }
  }

  /// Brings the parameters into the kernels' form: after each update.
  package func prepare() {
    first.prepare(statistics: statistics)
    for layer in blocks.flatMap(\.layers) { layer.prepare(statistics: statistics) }
  }

  /// From planes (N, 3, S, S) to the score map.
  /// - Parameter dropout: the rate and the key of this shard's draws; none outside training.
  package func forward(_ planes: UnsafePointer<Float>, dropout: (rate: Float, key: DropoutKey)? = nil) {
    first.forward(planes)
    var maps = first.output
    for (index, block) in blocks.enumerated() {
      for layer in block.layers {
        layer.forward(maps)
        maps = layer.output
      }
      context.stage("classification.pool\(index + 1)", .forward)
      context.run(block.pooling.tasks) {
        block.pooling.pool(maps.data, into: block.pooled.data, poolingIndices: block.poolingIndices.pointer, task: $0)
      }
      maps = block.pooled
    }
    context.stage("classification.fc6.unfold", .forward)
    context.run(unfolding.tasks) { unfolding.unfold(maps.data, into: pool5Rows.pointer, task: $0) }
    fc6.forward(pool5Rows, into: fc6Rows, rectified: true)
    drop(fc6Rows, layer: 6, dropout)
    fc7.forward(fc6Rows, into: fc7Rows, rectified: true)
    drop(fc7Rows, layer: 7, dropout)
    score.forward(fc7Rows, into: scoreRows, rectified: false)
  }

  /// The average of each class's score map, before the sigmoid: [N][L]. It decides which labels are present.
  package func averageScores(into scores: AlignedMemory) {
    context.stage("classification.scorePooling", .forward)
    scorePooling.average(scoreRows.pointer, into: scores.pointer)
  }

  /// The maximum of each class's score map, before the sigmoid, and where it is: [N][L] both. It places the saliency's seed.
  package func maximumScores(into scores: AlignedMemory, positions: UnsafeMutablePointer<Int32>) {
    context.stage("classification.scorePooling", .forward)
    scorePooling.maximum(scoreRows.pointer, into: scores.pointer, positions: positions)
  }

  /// From the gradient of the average scores [N][L] to that of every parameter.
  package func backward(
    _ planes: UnsafePointer<Float>, averageGradient: AlignedMemory, dropoutRate: Float, into shard: ShardGradient
  ) {
    let parameterGradient = shard.stored
    guard let gradients else { preconditionFailure("a network for features has no backward pass") }
    context.stage("classification.scorePooling", .backward)
    scorePooling.averageBackward(averageGradient.pointer, into: gradients.score.pointer)
    score.biasGradient(gradients.score, into: parameterGradient)
    score.weightGradient(fc7Rows, gradients.score, into: shard)
    score.multiplyBack(gradients.score, into: gradients.fc7)
    backward(through: fc7, input: fc6Rows, output: fc7Rows, gradients.fc7, gradients.fc6, dropoutRate, shard)
    backward(
      through: fc6, input: pool5Rows, maps: pool5, output: fc6Rows, gradients.fc6, gradients.pool5Rows, dropoutRate,
      shard)

    func buffer(like maps: FeatureMaps) -> FeatureMaps {
      gradients.maps.next(channels: maps.channels, size: maps.height)
    }
    var gradient = buffer(like: pool5)
    context.stage("classification.fc6.unfold", .backward)
    context.run(unfolding.foldTasks) { unfolding.fold(gradients.pool5Rows.pointer, into: gradient.data, task: $0) }
    for index in blocks.indices.reversed() {
      let block = blocks[index]
      let below = gradient
      gradient = buffer(like: block.layers.last?.output ?? first.output)
      context.stage("classification.pool\(index + 1)", .backward)
      context.run(block.pooling.tasks) {
        block.pooling.scatter(below.data, poolingIndices: block.poolingIndices.pointer, into: gradient.data, task: $0)
      }
      for position in block.layers.indices.reversed() {
        let input =
          position > 0 ? block.layers[position - 1].output : index > 0 ? blocks[index - 1].pooled : first.output
        let next = buffer(like: input)
        block.layers[position].backward(input, gradient: gradient, into: next, parameterGradient: parameterGradient)
        gradient = next
      }
    }
    first.backward(planes, gradient: gradient, parameterGradient: parameterGradient)
  }

  /// One fully connected layer: `dy` holds the gradient of its output after ReLU and dropout.
  private func backward(
    through layer: DenseLayer, input: AlignedMemory, maps: FeatureMaps? = nil, output: AlignedMemory,
    _ dy: AlignedMemory, _ dx: AlignedMemory,
    _ dropoutRate: Float, _ shard: ShardGradient
  ) {
    context.stage("classification.dropout", .backward)
    Dropout(rate: dropoutRate, layer: 0, context: context).scaleGradient(dy, count: layer.rows * layer.outputs)
    layer.rectifyGradient(dy, output: output)
    layer.biasGradient(dy, into: shard.stored)
    layer.weightGradient(input, dy, maps: maps, into: shard)
    layer.multiplyBack(dy, into: dx)
  }

  private func drop(_ rows: AlignedMemory, layer: UInt64, _ dropout: (rate: Float, key: DropoutKey)?) {
    guard let dropout else { return }
    context.stage("classification.dropout", .forward)
    Dropout(rate: dropout.rate, layer: layer, context: context).apply(
      to: rows, examples: images, valuesPerExample: shape.scorePixels * shape.channels(4096), key: dropout.key)
  }

  /// The last shard's batch-norm statistics under their names.
  package func copyStatistics(into vector: ParameterVector) {
    guard shape.batchNormalization else { return }
    first.copyStatistics(into: vector)
    for layer in blocks.flatMap(\.layers) { layer.copyStatistics(into: vector) }
  }
}
