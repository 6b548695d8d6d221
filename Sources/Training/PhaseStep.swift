// The two phases as the loop sees them: a vector of parameters, and a step that turns a shard into a gradient.
import Batches
import Gradients
import Networks
import Tensors

/// One phase's work on a shard.
package protocol PhaseStep: AnyObject {
  /// What the phase trains.
  var parameters: ParameterVector { get }
  /// Means and variances to gather when it has ended; an empty table where there is no batch norm.
  var statistics: ParameterVector { get }
  /// Brings the parameters into the kernels' form: at the start and after every update.
  func prepare()
  /// Forward and backward over one shard; `gradient` receives the gradient of `parameters`.
  func run(_ batch: ShardBatch, key: DropoutKey, gradient: ShardGradient) -> ShardResult
  /// A forward pass for the shard's batch-norm statistics.
  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector)
}

final class ClassificationPhase: PhaseStep {
  let parameters: ParameterVector
  let statistics: ParameterVector
  private let step: ClassificationStep

  init(_ net: DecoupledNet, shardSize: Int, dropout: Float, bench: Workbench) {
    parameters = net.classification
    statistics = net.classificationStatistics
    step = ClassificationStep(net, images: shardSize, dropoutRate: dropout, bench: bench)
  }

  func prepare() { step.prepare() }

  func run(_ batch: ShardBatch, key: DropoutKey, gradient: ShardGradient) -> ShardResult {
    step.run(planes: batch.planes.pointer, labels: batch.labels.pointer, key: key, gradient: gradient)
  }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    step.gatherStatistics(planes: batch.planes.pointer, into: vector)
  }
}

final class SegmentationPhase: PhaseStep {
  let parameters: ParameterVector
  let statistics: ParameterVector
  private let step: SegmentationStep
  private var isClassificationPrepared = false

  init(_ net: DecoupledNet, shardSize: Int, bench: Workbench) {
    parameters = net.segmentation
    statistics = net.segmentationStatistics
    step = SegmentationStep(net, images: shardSize, bench: bench)
  }

  func prepare() {
    // It does not change in this phase.
    if !isClassificationPrepared { step.prepareClassification() }
    isClassificationPrepared = true
    step.prepare()
  }

  func run(_ batch: ShardBatch, key: DropoutKey, gradient: ShardGradient) -> ShardResult {
    step.run(planes: batch.planes.pointer, labels: batch.labels.pointer, mask: batch.masks, gradient: gradient)
  }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    step.gatherStatistics(planes: batch.planes.pointer, labels: batch.labels.pointer, into: vector)
  }
}
