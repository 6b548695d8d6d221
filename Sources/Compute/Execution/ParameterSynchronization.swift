// How a network and whoever moves its parameters between ranks meet: the network says what it is about to read and what it
// has written, layer by layer. Alone, nobody listens.

/// Moves gradients and weights while a step runs. Layers are named as in `Stage`: `bridging.fc6`.
package protocol ParameterSynchronization: AnyObject {
  /// A layer is about to read its parameters: returns when they are those of the last update.
  func need(_ layer: String)
  /// A layer has written its parameters' gradient of the shard in hand.
  func gradientIsComplete(of layer: String)
  /// A stage begins: time to see what has arrived.
  func reached(_ stage: Stage)
}
