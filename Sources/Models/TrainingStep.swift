// The protocol of a phase's work on one shard.
import Batches
import Compute
import Layers

/// One phase's work on a shard.
package protocol TrainingStep: AnyObject {
  /// The parameters that the phase trains.
  var parameters: ParameterVector { get }
  /// Means and variances to gather when the phase has ended; an empty table where there is no batch normalization.
  var statistics: ParameterVector { get }

  /// The parameters will have changed by the next forward pass, which brings them into the kernels' form.
  func weightsChange()
  /// Brings the trained parameters into the kernels' form now.
  func prepare()
  /// The pass through the networks that the phase leaves fixed. It needs no trained parameter. The backward pass of the
  /// shard before must be over.
  func frozenForward(_ batch: ShardBatch)
  /// From the frozen part to the loss; after `frozenForward` on the same batch.
  func forward(_ batch: ShardBatch, key: DropoutKey) -> ShardResult
  /// Writes the gradient of `parameters`; after `forward` on the same batch.
  func backward(_ batch: ShardBatch, gradient: ShardGradient)
  /// A forward pass for the shard's batch-norm statistics.
  func gatherStatistics(_ batch: ShardBatch, into vector: ParameterVector)
}
