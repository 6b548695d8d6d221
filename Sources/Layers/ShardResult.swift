// The result of one shard besides its gradient.

/// The loss and the counts of one shard. Sums over shards are taken in the reduction's order.
package struct ShardResult: Sendable {
  /// The shard's loss as the authors normalize it.
  package var loss: Double
  /// Correct decisions. A decision is one label of one image, or one counted pixel.
  package var correct: Double
  package var decisions: Double

  package init(loss: Double, correct: Double, decisions: Double) {
    self.loss = loss
    self.correct = correct
    self.decisions = decisions
  }
}
