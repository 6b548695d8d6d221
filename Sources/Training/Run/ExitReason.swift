// The reason why a training run ended, as summary.json contains it.

/// The raw values are stored in summary.json. `stop-after` is the former spelling of `--max-iterations`.
package enum ExitReason: String, Sendable {
  case finished
  case maxIterations = "stop-after"
  case timeLimit = "time-limit"
  case signal

  /// For messages.
  var text: String {
    switch self {
    case .finished: "the requested phases are done"
    case .maxIterations: "--max-iterations is reached"
    case .timeLimit: "--time-limit is reached"
    case .signal: "a signal has arrived"
    }
  }
}
