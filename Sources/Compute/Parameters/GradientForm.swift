// The forms of gradients.

/// The form in which a parameter's gradient is held until the minibatch is complete.
package enum GradientForm: Sendable {
  /// One float for each scalar of the parameter, added over shards.
  case stored
  /// The two factors of every shard (`GradientFactors`), for matrices that are large beside a shard's rows.
  case factored
}
