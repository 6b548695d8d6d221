// The two phases as the loop sees them: a vector of parameters, and a step that turns a shard into a gradient.
import Batches
import Compute
import Networks

/// One phase's work on a shard.
package protocol TrainingStep: AnyObject {
  /// What the phase trains.
  var parameters: ParameterVector { get }
  /// Means and variances to gather when it has ended; an empty table where there is no batch norm.
  var statistics: ParameterVector { get }
  /// The parameters will have changed by the next forward pass, which brings them into the kernels' form.
  func weightsChange()
  /// What comes before all trained parameters; it may run while those are still on their way.
  func features(_ batch: ShardBatch)
  /// After `features` on the same batch: forward to the loss.
  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult
  /// After `forward`: `gradient` receives the gradient of `parameters`.
  func backward(_ batch: ShardBatch, gradient: ShardGradient)
  /// A forward pass for the shard's batch-norm statistics.
  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector)
}

final class ClassificationPhase: TrainingStep {
  let parameters: ParameterVector
  let statistics: ParameterVector
  private let step: ClassificationStep

  init(_ net: DecoupledNet, shardSize: Int, dropout: Float, context: ExecutionContext) {
    parameters = net.classification
    statistics = net.classificationStatistics
    step = ClassificationStep(net, images: shardSize, dropoutRate: dropout, context: context)
  }

  func weightsChange() { step.weightsChange() }

  func features(_ batch: ShardBatch) {}

  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult {
    step.forward(planes: batch.planes.pointer, labels: batch.labels.pointer, key: key)
  }

  func backward(_ batch: ShardBatch, gradient: ShardGradient) {
    step.backward(planes: batch.planes.pointer, gradient: gradient)
  }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    step.gatherStatistics(planes: batch.planes.pointer, into: vector)
  }
}

final class SegmentationPhase: TrainingStep {
  let parameters: ParameterVector
  let statistics: ParameterVector
  private let step: SegmentationStep
  private var isClassificationPrepared = false

  init(_ net: DecoupledNet, shardSize: Int, context: ExecutionContext) {
    parameters = net.segmentation
    statistics = net.segmentationStatistics
    step = SegmentationStep(net, images: shardSize, context: context)
  }

  func weightsChange() { step.weightsChange() }

  /// Once: it does not change in this phase.
  private func prepareClassification() {
    if !isClassificationPrepared { step.prepareClassification() }
    isClassificationPrepared = true
  }

  func features(_ batch: ShardBatch) {
    prepareClassification()
    step.features(planes: batch.planes.pointer, labels: batch.labels.pointer)
  }

  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult { step.forward(mask: batch.masks) }

  func backward(_ batch: ShardBatch, gradient: ShardGradient) { step.backward(gradient: gradient) }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    prepareClassification()
    step.gatherStatistics(planes: batch.planes.pointer, labels: batch.labels.pointer, into: vector)
  }
}
