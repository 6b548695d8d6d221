// DecoupledNet whole (paper section 4): what is learned, and the three ways in which the parts are put together.
//
//   ClassificationStep   planes and labels     -> loss, gradients of the classification network        (phase one)
//   SegmentationStep     planes, labels, masks -> loss, gradients of bridging and segmentation         (phase two)
//   InferencePass        planes                -> label scores; then, for any choices of labels, probability maps
//
//   N images (one shard while training)   S input side   L classes
import Compute
import Kernels

/// Parameters and batch-norm statistics of the whole network. Names and shapes: `ParameterNames.swift`.
package final class DecoupledNet: Sendable {
  package let shape: NetworkShape
  /// Phase one trains it; phase two leaves it as it is.
  package let classification: ParameterVector
  /// Bridging layers and segmentation network: what phase two trains.
  package let segmentation: ParameterVector
  /// Batch-norm means and variances, gathered after each phase; empty where a network has no batch norm.
  package let classificationStatistics: ParameterVector
  package let segmentationStatistics: ParameterVector

  package init(_ shape: NetworkShape, scoreMultiplier: Float = 10) {
    self.shape = shape
    classification = ParameterVector(shape.classificationParameters(scoreMultiplier: scoreMultiplier))
    segmentation = ParameterVector(shape.segmentationParameters())
    classificationStatistics = ParameterVector(shape.classificationStatistics())
    segmentationStatistics = ParameterVector(shape.segmentationStatistics())
  }

  /// Everything that is saved, under its name.
  package var namedTensors: [NamedTensor] {
    [classification, classificationStatistics, segmentation, segmentationStatistics].flatMap(\.namedTensors)
  }
}

/// What a shard says of itself besides its gradient. Sums over shards are taken in the reduction's order.
package struct ShardResult: Sendable {
  /// The shard's loss as the authors normalise it.
  package var loss: Double
  /// Decisions that were right, and how many there were: label decisions in phase one, pixels in phase two.
  package var correct: Double
  package var decisions: Double
}

/// Phase one on one shard: forward, sigmoid cross-entropy of the averaged scores, backward.
package final class ClassificationStep {
  package let network: ClassificationNetwork
  private let images: Int
  private let classes: Int
  private let dropoutRate: Float
  private let scores: AlignedMemory
  private let scoreGradient: AlignedMemory
  private let crossEntropy: SigmoidCrossEntropy

  package init(_ net: DecoupledNet, images: Int, dropoutRate: Float, context: ExecutionContext) {
    network = ClassificationNetwork(
      net.shape, images: images, purpose: .training, parameters: net.classification,
      statistics: net.classificationStatistics, context: context)
    self.images = images
    self.dropoutRate = dropoutRate
    classes = net.shape.classes
    crossEntropy = SigmoidCrossEntropy(images: images, classes: classes)
    scores = AlignedMemory(floats: images * classes)
    scoreGradient = AlignedMemory(floats: images * classes)
  }

  /// Brings the parameters into the kernels' form: after each update.
  package func prepare() { network.prepare() }

  /// The parameters will have changed by the next forward pass.
  package func weightsChange() { network.weightsChange() }

  /// Forward and backward.
  /// - Parameters:
  ///   - planes: (N, 3, S, S), B,G,R with the mean subtracted.
  ///   - labels: [N][L], 0 or 1.
  ///   - gradient: receives the shard's gradient; its table is that of `DecoupledNet.classification`.
  package func run(
    planes: UnsafePointer<Float>, labels: UnsafePointer<Float>, key: DropoutKey,
    gradient: ShardGradient
  ) -> ShardResult {
    let result = forward(planes: planes, labels: labels, key: key)
    backward(planes: planes, gradient: gradient)
    return result
  }

  package func forward(planes: UnsafePointer<Float>, labels: UnsafePointer<Float>, key: DropoutKey) -> ShardResult {
    network.forward(planes, dropout: dropoutRate > 0 ? (dropoutRate, key) : nil)
    network.averageScores(into: scores)
    let loss = crossEntropy.loss(scores: scores.pointer, labels: labels)
    crossEntropy.gradient(scores: scores.pointer, labels: labels, into: scoreGradient.pointer)
    let correct = (0..<images * classes).count { (scores.pointer[$0] > 0) == (labels[$0] > 0.5) }
    return ShardResult(loss: Double(loss), correct: Double(correct), decisions: Double(images * classes))
  }

  /// After `forward` on the same planes.
  package func backward(planes: UnsafePointer<Float>, gradient: ShardGradient) {
    network.backward(planes, averageGradient: scoreGradient, dropoutRate: dropoutRate, into: gradient)
  }

  /// A forward pass for its batch-norm statistics alone.
  package func gatherStatistics(planes: UnsafePointer<Float>, into vector: ParameterVector) {
    network.forward(planes)
    network.copyStatistics(into: vector)
  }
}

/// Phase two on one shard: the fixed classification network, saliency of the chosen labels, bridging, segmentation,
/// two-way softmax over the pixels that count; backward to the bridging layers' input and no further.
package final class SegmentationStep {
  private let classification: ClassificationNetwork
  private let saliency: Saliency
  private let bridging: Bridging
  private let segmentation: SegmentationNetwork
  private let net: DecoupledNet
  private let context: ExecutionContext
  private let images: Int
  private let seeds: AlignedMemory
  private let positions: LabelPositions
  private let loss: BinarySoftmaxLoss

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    self.net = net
    self.context = context
    self.images = images
    let shape = net.shape
    // The features' activations are dead when the backward pass begins.
    let maps = PingPongBuffer(images: images, largest: images * shape.channels(64) * shape.inputSize * shape.inputSize)
    classification = ClassificationNetwork(
      shape, images: images, purpose: .features, parameters: net.classification,
      statistics: net.classificationStatistics, maps: maps, context: context)
    saliency = Saliency(classification, parameters: net.classification)
    bridging = Bridging(shape, images: images, parameters: net.segmentation, context: context)
    segmentation = SegmentationNetwork(
      shape, images: images, trained: true, parameters: net.segmentation, maps: maps, context: context)
    seeds = AlignedMemory(floats: images * shape.classes)
    positions = LabelPositions(count: images * shape.classes)
    loss = BinarySoftmaxLoss(images: images, height: shape.inputSize, width: shape.inputSize)
    context.reserve(floats: loss.workspaceFloats)
  }

  /// Once: the classification network does not change in this phase.
  package func prepareClassification() { classification.prepare() }

  /// After each update.
  package func prepare() { segmentation.prepare(statistics: net.segmentationStatistics) }

  /// The parameters will have changed by the next forward pass.
  package func weightsChange() { segmentation.weightsChange() }

  /// Features, forward and backward.
  /// - Parameters:
  ///   - planes: (N, 3, S, S), B,G,R with the mean subtracted.
  ///   - labels: [N][L], 1 for each label of the example's combination.
  ///   - mask: (N, S, S): 1 where a chosen label is, 0 elsewhere, 255 where the truth says nothing.
  ///   - gradient: receives the shard's gradient; its table is that of `DecoupledNet.segmentation`.
  package func run(
    planes: UnsafePointer<Float>, labels: UnsafePointer<Float>, mask: UnsafePointer<UInt8>,
    gradient: ShardGradient
  ) -> ShardResult {
    features(planes: planes, labels: labels)
    let result = forward(mask: mask)
    backward(gradient: gradient)
    return result
  }

  /// From the features to the loss.
  package func forward(mask: UnsafePointer<UInt8>) -> ShardResult {
    bridgeAndSegment()
    let workspace = context.workspace
    context.stage("segmentation.loss", .forward)
    context.run(loss.tasks) {
      loss.forward(scores: segmentation.scores.pointer, mask: mask, workspace: workspace, task: $0)
    }
    let (value, pixels, correct) = loss.combine(workspace: workspace)
    context.stage("segmentation.loss", .backward)
    context.run(loss.tasks) {
      loss.backward(
        scores: segmentation.scores.pointer, mask: mask, pixels: pixels, into: segmentation.scoreGradient.pointer,
        task: $0)
    }
    return ShardResult(loss: Double(value), correct: Double(correct), decisions: Double(pixels))
  }

  /// After `forward`.
  package func backward(gradient: ShardGradient) {
    let activationGradient = segmentation.backward(
      poolingIndices: classification.poolingIndices, into: gradient.stored)
    bridging.backward(
      pool5: classification.pool5, saliency: saliency.output, gradient: activationGradient, into: gradient)
  }

  /// What the fixed classification network says of a shard: it needs no parameter of this phase, so it may run while those
  /// are still on their way. The backward pass of the shard before must be over.
  package func features(planes: UnsafePointer<Float>, labels: UnsafePointer<Float>) {
    classification.forward(planes)
    // The seed is the sigmoid of the maximum score, for the chosen labels (docs/reference.md section 0).
    classification.maximumScores(into: seeds, positions: positions.pointer)
    for index in 0..<images * net.shape.classes {
      seeds.pointer[index] = labels[index] * sigmoid(seeds.pointer[index])
    }
    saliency.forward(owners: Array(0..<images), seeds: seeds.pointer, positions: positions.pointer)
  }

  private func bridgeAndSegment() {
    bridging.forward(pool5: classification.pool5, saliency: saliency.output, stored: nil)
    segmentation.forward(bridging.output, poolingIndices: classification.poolingIndices)
  }

  /// A forward pass for its batch-norm statistics alone.
  package func gatherStatistics(
    planes: UnsafePointer<Float>, labels: UnsafePointer<Float>, into vector: ParameterVector
  ) {
    features(planes: planes, labels: labels)
    bridgeAndSegment()
    bridging.copyStatistics(into: vector)
    segmentation.copyStatistics(into: vector)
  }
}

/// One pass of the tail of the network at inference: an image of the batch and the seeds of its chosen labels.
package struct LabelQuery: Sendable, Equatable {
  package let image: Int
  /// [L]: sigmoid(score) of a chosen label, 0 of all others.
  package let seeds: [Float]

  package init(image: Int, seeds: [Float]) {
    self.image = image
    self.seeds = seeds
  }
}

/// Inference on N images: one pass for the features, then the tail for any choices of labels, N at a time.
package final class InferencePass {
  package let images: Int
  package let shape: NetworkShape
  private let net: DecoupledNet
  private let context: ExecutionContext
  private let classifier: ClassificationPass
  private let bridging: Bridging
  private let segmentation: SegmentationNetwork
  private let softmax: BinarySoftmaxLoss
  /// What the tail reads of the images: for each choice a copy of its image's.
  private let pool5: FeatureMaps
  private let poolingIndices: [PoolingIndices]
  /// (N, 2, S, S): the softmax of the last `segment`, choice by choice; plane 0 background, plane 1 foreground.
  package let probabilities: AlignedMemory

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    self.net = net
    self.context = context
    self.images = images
    shape = net.shape
    classifier = ClassificationPass(net, images: images, context: context)
    bridging = Bridging(shape, images: images, parameters: net.segmentation, context: context)
    segmentation = SegmentationNetwork(
      shape, images: images, trained: false, parameters: net.segmentation, context: context)
    softmax = BinarySoftmaxLoss(images: images, height: shape.inputSize, width: shape.inputSize)
    let maps = classifier.classification.pool5
    pool5 = FeatureMaps(images: images, channels: maps.channels, height: maps.height, width: maps.width)
    poolingIndices = classifier.classification.poolingIndices.map { PoolingIndices(count: $0.count) }
    probabilities = AlignedMemory(floats: images * 2 * shape.inputSize * shape.inputSize)
    segmentation.prepare(statistics: net.segmentationStatistics)
  }

  /// Runs the classification network; returns sigmoid(average score) of every image and class, [N][L].
  package func features(_ planes: UnsafePointer<Float>) -> [Float] { classifier.scores(planes) }

  /// Segments images of the last `features` for the given choices, 1 to N of them, into `probabilities`.
  package func segment(_ choices: [LabelQuery]) {
    classifier.look(for: choices)
    gather(choices.map(\.image))
    bridging.forward(pool5: pool5, saliency: classifier.saliency.output, stored: net.segmentationStatistics)
    segmentation.forward(bridging.output, poolingIndices: poolingIndices)
    context.stage("segmentation.softmax", .forward)
    context.run(softmax.tasks) {
      softmax.softmaxPlanes(segmentation.scores.pointer, into: probabilities.pointer, task: $0)
    }
  }

  /// Copies what belongs to each choice's image into the choice's place.
  private func gather(_ owners: [Int]) {
    context.stage("segmentation.gather", .forward)
    context.run(owners.count) { place in
      let owner = owners[place]
      let maps = pool5.count / images
      (pool5.data + place * maps).update(from: classifier.classification.pool5.data + owner * maps, count: maps)
      for (own, given) in zip(poolingIndices, classifier.classification.poolingIndices) {
        let bytes = own.count / images
        (own.pointer + place * bytes).update(from: given.pointer + owner * bytes, count: bytes)
      }
    }
  }
}

/// Where each class's score map has its maximum, [N][L].
///
/// `@unchecked Sendable`: it owns an address range, written by one pass and read by the next.
final class LabelPositions: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Int32>
  init(count: Int) {
    pointer = .allocate(capacity: count)
    pointer.initialize(repeating: 0, count: count)
  }
  deinit { pointer.deallocate() }
}
