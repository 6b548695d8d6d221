// The three ways in which the gradient of a large dense matrix reaches the rank that updates it.

/// The way in which the gradient of a large dense matrix is reduced over the ranks. All give the same bits.
package enum GradientExchange: String, Sendable, CaseIterable {
  /// Each rank computes the sums over its own shards, and they are reduced as other gradients are.
  case sums
  /// Ranks exchange the factors of the gradient; each computes its slice of the sum over all shards, and updates it.
  case factors
  /// As `factors`, but every rank computes and updates the whole matrix: no weights travel, and every rank holds the
  /// whole optimizer state of the matrix.
  case replicas

  /// True if the ranks exchange factors instead of sums.
  package var exchangesFactors: Bool { self != .sums }
}
