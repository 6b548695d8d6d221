// What the command line asks of a run, besides the configuration.

package struct TrainingOptions: Sendable {
  package enum Resume: Sendable, Equatable {
    /// From the newest valid checkpoint of the run directory, if it has one.
    case auto
    /// Only in a directory without checkpoints.
    case never
    /// From the checkpoint at this path.
    case from(String)
  }

  package var output: String
  package var resume: Resume = .auto
  /// The phases to run; both by default.
  package var phases: [Phase] = Phase.allCases
  /// Ends the run after so many iterations in all, both phases counted.
  package var stopAfter: Int?
  /// A safetensors file, plain or in zstd, whose tensors replace initial values of the same names.
  package var initialWeights: String?
  /// Iterations of each phase to record under `steps/`.
  package var recordSteps = 0
  /// Seconds after which the run ends with a checkpoint, at the end of an iteration.
  package var timeLimit: Double?
  /// A file for the timeline of all ranks, in Chrome's trace format.
  package var trace: String?

  package init(output: String) { self.output = output }
}

/// How a run ended.
package enum ExitReason: String, Sendable {
  case finished
  case stoppedAfter = "stop-after"
  case timeLimit = "time-limit"
  case signal
}
