// The version of dnet, which checkpoints, models and reports record.

package enum Version {
  /// Increases with every format that earlier programs cannot read.
  package static let text = "0.2.0"
}
