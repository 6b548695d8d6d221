// Why a training run ended.

/// The reason why a run ended. The raw values are stored in summary.json.
package enum ExitReason: String, Sendable {
  case finished
  case maxIterations = "stop-after"
  case timeLimit = "time-limit"
  case signal
}
