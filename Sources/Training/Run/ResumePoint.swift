// The checkpoint from which a run resumes: found by rank 0, checked against the configuration, known to all ranks.
import Checkpoints
import Cluster
import Compute
import Foundation
import Models
import Optimizers

struct ResumePoint {
  /// The position of the checkpoint's phase among the model's.
  let phase: Int
  /// Iterations of the phase that are done.
  let iteration: Int
  let endsPhase: Bool
  /// Rank 0 only.
  private let checkpoint: Checkpoint?

  /// Keys whose values were changed on the way to this checkpoint, by their current names. Rank 0 only.
  var allowedChanges: [String] { (checkpoint?.description.allowedChanges ?? []).map(ConfigurationKey.currentName) }

  /// Finds the checkpoint that the options select; returns nil to start from the beginning. Creates the run directory.
  /// For rank 0.
  static func find(
    in store: CheckpointStore, run: RunDirectory, configuration: Configuration, options: TrainingOptions,
    say: (String) -> Void
  ) throws -> ResumePoint? {
    try run.create()
    try store.prepare()
    guard let checkpoint = try checkpoint(store, run, options, say: say) else { return nil }
    let description = checkpoint.description
    let made = try Configuration(yaml: description.configuration, name: checkpoint.url.path)
    if let (key, here, there) = configuration.difference(from: made, except: Set(options.allowedChanges)) {
      throw RunError.otherConfiguration(key: key, here: here, checkpoint: there)
    }
    for (key, here, there) in configuration.differences(from: made) where options.allowedChanges.contains(key) {
      say(
        "warning: --allow-change \(key): \(here) from here on, \(there) before: "
          + "no run of one configuration ends in these weights")
    }
    guard let phase = configuration.position(ofPhase: description.phase) else {
      throw CheckpointError.damaged(
        path: checkpoint.url.path,
        "its manifest names the phase \(description.phase), and the model has "
          + configuration.phases.map(\.name).joined(separator: ", "))
    }
    say("resuming from \(checkpoint.url.path), written by \(description.ranks) ranks")
    return ResumePoint(
      phase: phase, iteration: description.iteration, endsPhase: description.endsPhase, checkpoint: checkpoint)
  }

  private static func checkpoint(
    _ store: CheckpointStore, _ run: RunDirectory, _ options: TrainingOptions, say: (String) -> Void
  ) throws -> Checkpoint? {
    switch options.resume {
    case .never:
      if let found = try store.list().last { throw RunError.notEmpty(path: run.path, checkpoint: found.url.path) }
      return nil
    case .from(let path):
      let manifest = URL(fileURLWithPath: path).appendingPathComponent(Checkpoint.manifestName).path
      guard FileManager.default.fileExists(atPath: manifest) else { throw RunError.noCheckpoint(path: path) }
      return try Checkpoint(verifying: URL(fileURLWithPath: path))
    case .auto:
      let (newest, skipped) = try store.newestValid()
      for (url, reason) in skipped { say("warning: skipping checkpoint \(url.path): \(reason)") }
      // Starting from the beginning would discard the log of a run whose checkpoints may still exist elsewhere.
      if newest == nil, !skipped.isEmpty {
        throw RunError.noUsableCheckpoint(path: store.directory.path, damaged: skipped.count)
      }
      return newest
    }
  }

  /// Returns what rank 0 found, on all ranks. Collective.
  static func shared(_ point: ResumePoint?, _ communicator: Communicator) throws -> ResumePoint? {
    let own: [Int64] =
      point.map { [1, Int64($0.phase), Int64($0.iteration), $0.endsPhase ? 1 : 0] } ?? [0, 0, 0, 0]
    let values = try communicator.allGather(own)[0]
    guard values[0] == 1 else { return nil }
    return ResumePoint(
      phase: Int(values[1]), iteration: Int(values[2]), endsPhase: values[3] == 1, checkpoint: point?.checkpoint)
  }

  /// Sets all weights and statistics. For rank 0.
  func load(into model: any Model) throws {
    guard let checkpoint else { return }
    try checkpoint.weights().fill(model.vectors)
  }

  /// Gives each rank its part of the optimizer's state while rank 0 reads it. No rank holds more than a few pieces of
  /// it beyond its own. Collective.
  func restoreOptimizer(_ optimizer: any Optimizer, _ owned: [[Range<Int>]], _ communicator: Communicator) throws {
    for state in optimizer.states { try restore(state, owned, communicator) }
  }

  private func restore(_ state: OptimizerState, _ owned: [[Range<Int>]], _ communicator: Communicator) throws {
    let table = state.table
    var stream: TensorStream?
    var order = Array(repeating: Int32(0), count: table.parameters.count)
    try communicator.rethrowOnAllRanks {
      guard let opened = try checkpoint?.optimizerState(state.name) else { return }
      try opened.header.requireAll(of: table, othersAllowed: false)
      // The file's order; a table names each parameter once.
      order = opened.header.entries.compactMap { table.index(of: $0.name).map(Int32.init) }
      stream = opened
    }
    try order.withUnsafeMutableBytes { try communicator.broadcast($0, from: 0) }
    try state.scatter(owned: owned, order: order.map(Int.init), communicator) {
      try stream?.read(into: UnsafeMutableRawBufferPointer($0))
    }
    try communicator.rethrowOnAllRanks { try stream?.finish() }
  }

  /// True if the phase at a position has ended at this point.
  func hasEnded(_ position: Int, iterations: Int) -> Bool {
    position == phase ? endsPhase && iteration >= iterations : position < phase
  }

  /// The number of iterations that are done of the phase at a position.
  func iterationsDone(_ position: Int, iterations: Int) -> Int {
    position == phase ? iteration : position < phase ? iterations : 0
  }

  /// True if a line of the log lies before this point.
  func covers(_ position: Int?, _ iteration: Int) -> Bool {
    guard let position else { return false }
    return position == phase ? iteration <= self.iteration : position < phase
  }
}
