// A recorded timeline of one rank's computation and its calls of the reduction in an iteration. It is recorded from
// running iterations, without the waiting, and `ScalingModel` plays it back on other links and numbers of ranks.

package struct IterationTimeline: Sendable, Equatable {
  package enum Mark: Sendable, Equatable {
    /// A stage begins: the reduction advances.
    case stage
    /// The new weights of these parameters are needed.
    case need([Int])
    /// The gradients of these parameters are complete.
    case complete([Int])
  }

  package struct Step: Sendable, Equatable {
    /// Seconds of computation before the mark.
    package var seconds: Double
    package var mark: Mark
    /// Seconds of computation that the mark itself causes in the last shard: adding the gradient to the others.
    package var inside: Double

    package init(_ seconds: Double, _ mark: Mark, inside: Double = 0) {
      self.seconds = seconds
      self.mark = mark
      self.inside = inside
    }
  }

  /// The forward pass of frozen layers before all trained parameters; empty where there are none.
  package var frozenForward: [Step]
  /// The first shard's forward pass, which also prepares new weights for the kernels.
  package var firstForward: [Step]
  package var forward: [Step]
  package var backward: [Step]
  /// Seconds between a shard's backward pass and the next shard: its gradient is added.
  package var afterShard: Double
  /// Seconds between the last shard's backward pass and the report.
  package var afterLast: Double

  package init(
    frozenForward: [Step] = [], firstForward: [Step], forward: [Step]? = nil, backward: [Step], afterShard: Double = 0,
    afterLast: Double = 0
  ) {
    self.frozenForward = frozenForward
    self.firstForward = firstForward
    self.forward = forward ?? firstForward
    self.backward = backward
    self.afterShard = afterShard
    self.afterLast = afterLast
  }

  /// One more than the largest index of a parameter in the marks.
  var parameterCount: Int {
    let marked = (frozenForward + firstForward + forward + backward).flatMap { step in
      switch step.mark {
      case .stage: [Int]()
      case .need(let parameters), .complete(let parameters): parameters
      }
    }
    return (marked.max() ?? -1) + 1
  }

  package static func seconds(_ steps: [Step]) -> Double { steps.reduce(0) { $0 + $1.seconds + $1.inside } }
}
