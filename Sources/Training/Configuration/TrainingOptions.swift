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
  /// Keys that may differ from the checkpoint's though they change weights.
  package var allowedChanges: [String] = []
  /// The names of the phases to run; nil for all of the model's.
  package var phases: [String]?
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
  /// A fault to cause on purpose.
  package var drill: FaultInjection?
  /// Computes again what a log says: writes no checkpoint and no model.
  package var isReplay = false
  /// The chained digest that a log without lines goes on from.
  package var chain: String?

  package init(output: String) { self.output = output }
}

/// How a run ended.
package enum ExitReason: String, Sendable {
  case finished
  case stoppedAfter = "stop-after"
  case timeLimit = "time-limit"
  case signal
}

/// `--drill FAULT:RANK:ITERATION`: a fault on purpose, to see what a job does about it before one happens by chance.
package struct FaultInjection: Sendable, Equatable {
  package enum Fault: String, Sendable, CaseIterable {
    /// The rank's process is killed (SIGKILL).
    case kill
    /// The rank's process stands still (SIGSTOP).
    case stop
    /// A NaN gets into the rank's gradient.
    case nan
    /// A bit flips in the rank's gradient, and nobody notices.
    case flip
  }

  package let fault: Fault
  package let rank: Int
  /// Of the phase that runs, counted from 1.
  package let iteration: Int

  /// nil for a text of another form.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let fault = Fault(rawValue: String(parts[0])), let rank = Int(parts[1]), rank >= 0,
      let iteration = Int(parts[2]), iteration >= 1
    else { return nil }
    (self.fault, self.rank, self.iteration) = (fault, rank, iteration)
  }
}
