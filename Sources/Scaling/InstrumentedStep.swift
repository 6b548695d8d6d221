// A training step that reports the begin and the end of its passes to a `TimelineRecorder`.
import Batches
import Compute
import Layers
import Models
import Training

final class InstrumentedStep: TrainingStep {
  private let step: any TrainingStep
  /// Set once the reduction that it records is there.
  var recorder: TimelineRecorder?

  init(_ step: any TrainingStep) { self.step = step }

  var parameters: ParameterVector { step.parameters }
  var statistics: ParameterVector { step.statistics }

  func weightsChange() { step.weightsChange() }

  func prepare() { step.prepare() }

  func frozenForward(_ batch: ShardBatch) {
    guard let recorder else { return step.frozenForward(batch) }
    recorder.frozenForward { step.frozenForward(batch) }
  }

  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult {
    guard let recorder else { return step.forward(batch, key: key) }
    return recorder.forward { step.forward(batch, key: key) }
  }

  func backward(_ batch: ShardBatch, gradient: ShardGradient) {
    guard let recorder else { return step.backward(batch, gradient: gradient) }
    recorder.backward { step.backward(batch, gradient: gradient) }
  }

  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector) {
    step.gatherStatistics(batch, into: vector)
  }
}
