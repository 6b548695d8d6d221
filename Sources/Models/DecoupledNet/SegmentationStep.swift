// The training step of the segmentation phase: the fixed classification network, the saliency of the chosen labels,
// bridging layers, deconvolution network, and the two-way softmax over the pixels that count; backward to the bridging
// layers' input and no further.
import Batches
import Compute
import Kernels
import Layers

package final class SegmentationStep: TrainingStep {
  package let parameters: ParameterVector
  package let statistics: ParameterVector
  private let classifier: FrozenClassifier
  private let network: LayerStack
  private let loss: PixelBinaryLoss
  private let images: Int
  private let classes: Int
  private var isClassifierPrepared = false

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    let (shape, group) = (net.shape, net.segmentation)
    self.images = images
    classes = shape.classes
    parameters = group.parameters
    statistics = group.statistics
    // The activations of the fixed network are no longer needed when the backward pass begins.
    let maps = PingPongBuffer(
      images: images, largest: images * max(net.classification.layers.largestMaps, group.layers.largestMaps))
    classifier = FrozenClassifier(net, images: images, maps: maps, context: context)
    network = LayerStack(
      group.layers, images: images, purpose: .training,
      inputs: [.maps(classifier.pool5), .maps(classifier.saliency.output)], parameters: parameters,
      statistics: statistics, maps: maps, poolingIndices: classifier.poolingIndices, context: context)
    loss = PixelBinaryLoss(
      "segmentation.loss", network.output.planes, images: images, size: shape.inputSize, context: context)
  }

  package func weightsChange() { network.weightsChange() }

  package func prepare() { network.prepare() }

  /// Runs the classification network, whose parameters are brought into the kernels' form once: they do not change in
  /// this phase. The seed of a chosen label is the sigmoid of its maximum score (docs/reference.md section 0).
  package func frozenForward(_ batch: ShardBatch) {
    if !isClassifierPrepared { classifier.prepare() }
    isClassifierPrepared = true
    classifier.forward(batch.planes.pointer)
    let seeds = classifier.maxima.pointer
    for index in 0..<images * classes { seeds[index] = batch.labels.pointer[index] * sigmoid(seeds[index]) }
    classifier.computeSaliency(owners: Array(0..<images), seeds: seeds)
  }

  package func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult {
    network.forward(ForwardPass())
    return loss.forward(mask: batch.masks)
  }

  package func backward(_ batch: ShardBatch, gradient: ShardGradient) {
    network.backward(into: gradient)
  }

  package func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    frozenForward(batch)
    network.forward(ForwardPass())
    network.copyStatistics(into: vector)
  }
}
