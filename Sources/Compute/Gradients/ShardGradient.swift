// The destination of one shard's gradient.

/// The memory that a training step writes the gradient of one shard to.
package struct ShardGradient {
  /// The first `storedCount` floats of the flat vector, with each parameter at its offset.
  package let stored: UnsafeMutablePointer<Float>
  /// The memory of all other gradients; nil where the table has no factored gradients.
  package let factors: GradientFactors?
  /// The shard's number among those of `factors`.
  package let shard: Int

  package init(stored: UnsafeMutablePointer<Float>, factors: GradientFactors?, shard: Int) {
    self.stored = stored
    self.factors = factors
    self.shard = shard
  }
}

/// The whole gradient of a single shard as one vector, for tests and benchmarks.
package final class WholeGradient {
  package let vector: ParameterVector
  private let factors: GradientFactors

  /// - Parameter rows: the rows of the shard's factors, as in `GradientFactors.init`.
  package init(_ table: ParameterTable, rows: Int) {
    vector = ParameterVector(table, for: .gradients)
    factors = GradientFactors(table, rows: rows, pendingMerges: [0])
  }

  /// The destination for a training step.
  package var shard: ShardGradient { ShardGradient(stored: vector.pointer, factors: factors, shard: 0) }

  /// Computes the gradients that the step has stored as factors.
  package func complete(_ pool: WorkerPool) {
    let range = vector.table.storedCount..<vector.table.vectorCount
    factors.sum(range, into: [vector.pointer + range.lowerBound], pool)
  }
}
