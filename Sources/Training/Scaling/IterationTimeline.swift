// What one rank does in an iteration, as a list: so many seconds of arithmetic, then a word to the reduction. It is recorded
// from running iterations, without the waiting, and played back by `ScalingModel` on links and ranks that are not there.

package struct IterationTimeline: Sendable, Equatable {
  package enum Mark: Sendable, Equatable {
    /// A stage begins: news are looked for.
    case stage
    /// The new weights of these parameters are needed.
    case need([Int])
    /// The gradients of these parameters are written.
    case complete([Int])
  }

  package struct Step: Sendable, Equatable {
    /// Arithmetic before the mark.
    package var seconds: Double
    package var mark: Mark
    /// Arithmetic that the mark itself causes in the last shard: adding it to the others.
    package var inside: Double

    package init(_ seconds: Double, _ mark: Mark, inside: Double = 0) {
      (self.seconds, self.mark, self.inside) = (seconds, mark, inside)
    }
  }

  /// What comes before all trained parameters; empty in the classification phase.
  package var features: [Step]
  /// The first shard's forward pass, which also brings new weights into the kernels' form.
  package var firstForward: [Step]
  package var forward: [Step]
  package var backward: [Step]
  /// Between a shard's backward pass and the next shard: its gradient is added.
  package var afterShard: Double
  /// Between the last shard's backward pass and the agreement.
  package var afterLast: Double

  package init(
    features: [Step] = [], firstForward: [Step], forward: [Step]? = nil, backward: [Step], afterShard: Double = 0,
    afterLast: Double = 0
  ) {
    (self.features, self.firstForward, self.forward) = (features, firstForward, forward ?? firstForward)
    (self.backward, self.afterShard, self.afterLast) = (backward, afterShard, afterLast)
  }

  package static func seconds(_ steps: [Step]) -> Double { steps.reduce(0) { $0 + $1.seconds + $1.inside } }
}

/// Seconds that a bucket's arithmetic took on one rank in one iteration, beside the passes.
package struct BucketSeconds: Sendable, Equatable {
  /// Computing the sums over this rank's shards, where they are not stored.
  package var sum = 0.0
  /// Bringing other ranks' factors into the kernels' form.
  package var unpack = 0.0
  /// Adding all ranks' sums of this rank's slice, or computing them from factors, and updating it.
  package var update = 0.0

  package init(sum: Double = 0, unpack: Double = 0, update: Double = 0) {
    (self.sum, self.unpack, self.update) = (sum, unpack, update)
  }
}
