// The interface through which layers report to the data-parallel reduction which parameters they read and which
// gradients they have written. `ExecutionContext.synchronization` is nil for a step that runs alone.

/// Moves gradients and weights between ranks while a training step runs.
package protocol ParameterSynchronization: AnyObject {
  /// A layer is about to read its parameters. Returns when they are those of the last update.
  func need(_ layer: LayerParameters)
  /// A layer has written the gradient of its parameters for the current shard.
  func gradientIsComplete(of layer: LayerParameters)
  /// A stage begins; the implementation may process messages that have arrived.
  func reached(_ stage: Stage)
}
