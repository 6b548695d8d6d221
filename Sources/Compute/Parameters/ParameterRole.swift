// The kinds of parameters.

/// The kind of a parameter.
package enum ParameterRole: String, Sendable {
  case weight
  case bias
  case batchNormScale
  case batchNormShift
  /// A statistic, gathered after training and never updated by the optimizer.
  case batchNormMean
  /// The biased variance that belongs to `batchNormMean`.
  case batchNormVariance
}
