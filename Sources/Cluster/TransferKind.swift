// The kinds of messages, with their MPI tags and their names for diagnostics.

/// The purpose of a message. Messages of one kind between two ranks arrive in the order in which they were started.
package enum TransferKind: Hashable, Sendable, CustomStringConvertible {
  case general
  case bytes
  /// The ranks' reports at the end of an iteration.
  case reports
  /// Sums of one bucket's gradients.
  case gradients(bucket: Int)
  /// New weights of one bucket.
  case weights(bucket: Int)
  /// Factors of one parameter's gradient.
  case factors(parameter: Int)
  /// Optimizer state for or from a checkpoint.
  case optimizerState

  var tag: Int32 {
    switch self {
    case .general: 1
    case .bytes: 2
    case .reports: 3
    case .optimizerState: 4
    case .gradients(let bucket): 16 + 3 * Int32(bucket)
    case .weights(let bucket): 17 + 3 * Int32(bucket)
    case .factors(let parameter): 18 + 3 * Int32(parameter)
    }
  }

  package var description: String {
    switch self {
    case .general: "a message"
    case .bytes: "bytes"
    case .optimizerState: "optimizer state of a checkpoint"
    case .reports: "the report at the end of the iteration"
    case .gradients(let bucket): "gradients of bucket \(bucket)"
    case .weights(let bucket): "weights of bucket \(bucket)"
    case .factors(let parameter): "gradient factors of parameter \(parameter)"
    }
  }
}
