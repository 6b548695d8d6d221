// Where a step writes the gradient of one shard.

/// Where one shard's gradient goes.
package struct ShardGradient {
  /// The first `storedCount` floats of the flat vector, each at its parameter's offset.
  package let stored: UnsafeMutablePointer<Float>
  /// Takes all else; nil where the table has no factored gradients.
  package let factors: GradientFactors?
  /// The shard's number among those of `factors`.
  package let shard: Int

  package init(stored: UnsafeMutablePointer<Float>, factors: GradientFactors?, shard: Int) {
    (self.stored, self.factors, self.shard) = (stored, factors, shard)
  }
}

/// The whole gradient of a single shard as one vector: for tests, and wherever somebody wants to look at it.
package final class WholeGradient {
  package let vector: ParameterVector
  private let factors: GradientFactors

  /// - Parameter rows: as `GradientFactors` takes them.
  package init(_ table: ParameterTable, rows: Int) {
    vector = ParameterVector(table, for: .gradients)
    factors = GradientFactors(table, rows: rows, carries: [0])
  }

  /// Where a step writes.
  package var shard: ShardGradient { ShardGradient(stored: vector.pointer, factors: factors, shard: 0) }

  /// Computes what the step has left as factors.
  package func complete(_ pool: WorkerPool) {
    let range = vector.table.storedCount..<vector.table.vectorCount
    factors.sum(range, into: [vector.pointer + range.lowerBound], pool)
  }
}
