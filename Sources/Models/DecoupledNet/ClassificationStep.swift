// The training step of the classification phase: VGG16, the sigmoid cross-entropy of the averaged scores, and back.
import Batches
import Compute
import Layers

package final class ClassificationStep: TrainingStep {
  package let parameters: ParameterVector
  package let statistics: ParameterVector
  private let network: LayerStack
  private let loss: SigmoidCrossEntropyLoss
  private let dropoutRate: Float

  package init(_ net: DecoupledNet, images: Int, dropoutRate: Float, context: ExecutionContext) {
    let group = net.classification
    parameters = group.parameters
    statistics = group.statistics
    self.dropoutRate = dropoutRate
    network = LayerStack(
      group.layers, images: images, purpose: .training, parameters: parameters, statistics: statistics,
      dropoutRate: dropoutRate, context: context)
    loss = SigmoidCrossEntropyLoss(network.output.rows, images: images, classes: net.shape.classes)
  }

  package func weightsChange() { network.weightsChange() }

  package func prepare() { network.prepare() }

  package func frozenForward(_ batch: ShardBatch) {}

  package func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult {
    network.forward(ForwardPass(planes: batch.planes.pointer, dropoutKey: dropoutRate > 0 ? key : nil))
    return loss.forward(labels: batch.labels.pointer)
  }

  package func backward(_ batch: ShardBatch, gradient: ShardGradient) {
    network.backward(planes: batch.planes.pointer, into: gradient)
  }

  package func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    network.forward(ForwardPass(planes: batch.planes.pointer))
    network.copyStatistics(into: vector)
  }
}
