// The part of a manifest that states which run, phase and iteration a checkpoint belongs to.

package struct CheckpointDescription: Codable, Sendable, Equatable {
  /// The name of the training phase; this target gives it no meaning.
  package var phase: String
  /// The place of the phase in the order of training, from 0. Nil before format 3.
  package var phaseIndex: Int?
  /// The number of iterations of the phase that are done.
  package var iteration: Int
  /// True for the last checkpoint of a phase, which is kept.
  package var endsPhase: Bool
  package var seed: UInt64
  /// The resolved configuration as it stands in RUN/config.yaml.
  package var configuration: String
  /// The network as text, as in the metadata of weights.
  package var network: String
  /// The number of ranks that wrote the checkpoint; a run may resume from it on any other number.
  package var ranks: Int
  package var dnetVersion: String
  /// The instruction set that the program was compiled for; empty where it was not recorded. Weights depend on it.
  package var instructionSet: String
  /// The version and the kernels of the matrix library; empty where they were not recorded. Weights depend on them.
  package var blas: String
  /// SHA-256 of lists or packs by configuration key.
  package var data: [String: String]
  /// Configuration keys that were changed during the run with `--allow-change`, sorted.
  package var allowedChanges: [String]

  package init(
    phase: String, phaseIndex: Int?, iteration: Int, endsPhase: Bool, seed: UInt64, configuration: String,
    network: String, ranks: Int, dnetVersion: String, instructionSet: String = "", blas: String = "",
    data: [String: String] = [:], allowedChanges: [String] = []
  ) {
    self.phase = phase
    self.phaseIndex = phaseIndex
    self.iteration = iteration
    self.endsPhase = endsPhase
    self.seed = seed
    self.configuration = configuration
    self.network = network
    self.ranks = ranks
    self.dnetVersion = dnetVersion
    self.instructionSet = instructionSet
    self.blas = blas
    self.data = data
    self.allowedChanges = allowedChanges.sorted()
  }

  /// The checkpoint's name, such as `segmentation-000120`.
  package var name: String {
    phase + "-" + String(repeating: "0", count: max(0, 6 - "\(iteration)".count)) + "\(iteration)"
  }
}
