// The command-line options of a training run: everything about it that the configuration does not hold.

package struct TrainingOptions: Sendable {
  package enum Resume: Sendable, Equatable {
    /// From the newest valid checkpoint of the run directory, if there is one.
    case auto
    /// Only in a directory without checkpoints.
    case never
    /// From the checkpoint at this path.
    case from(String)
  }

  package var output: String
  package var resume: Resume = .auto
  /// Keys, by their current names, that may differ from the checkpoint's although the weights depend on them.
  package var allowedChanges: [String] = []
  /// The names of the phases to run; nil for all of the model's.
  package var phases: [String]?
  /// The number of iterations, counted over all phases, after which the run ends.
  package var maxIterations: Int?
  /// A safetensors file, plain or compressed by zstd, whose tensors replace the initial values of the same names.
  package var initialWeights: String?
  /// The number of iterations of each phase to record under `steps/`.
  package var recordSteps = 0
  /// The duration in seconds after which the run ends with a checkpoint, at the end of an iteration.
  package var timeLimit: Double?
  /// A file for the timeline of all ranks, in Chrome's trace format.
  package var trace: String?
  /// A fault to inject.
  package var faultInjection: FaultInjection?
  /// True for a replay of logged iterations, which writes no checkpoint and no model.
  package var isReplay = false
  /// The chained digest that an empty verification log continues from.
  package var chain: String?

  package init(output: String) { self.output = output }
}
