// The checkpoint that a run goes on from: found by rank 0, checked against the configuration, known to all.
import Checkpoints
import Cluster
import Foundation
import Networks
import Optimizers
import Compute

struct ResumePoint {
  let phase: Phase
  /// Iterations of the phase that are done.
  let iteration: Int
  let endsPhase: Bool
  /// Rank 0 only.
  private let checkpoint: Checkpoint?

  /// Keys whose values were changed on the way to this checkpoint. Rank 0 only.
  var allowedChanges: [String] { checkpoint?.description.allowedChanges ?? [] }

  /// The checkpoint that the options ask for; nil to start anew. Makes the run directory on the way. For rank 0.
  static func find(
    _ store: CheckpointStore, _ run: RunDirectory, _ configuration: Configuration, _ options: TrainingOptions,
    say: (String) -> Void
  ) throws -> ResumePoint? {
    try run.create()
    try store.prepare()
    let checkpoint: Checkpoint
    switch options.resume {
    case .never:
      if let found = try store.list().last { throw RunError.notEmpty(path: run.path, checkpoint: found.url.path) }
      return nil
    case .from(let path):
      let manifest = URL(fileURLWithPath: path).appendingPathComponent(Checkpoint.manifestName).path
      guard FileManager.default.fileExists(atPath: manifest) else { throw RunError.noCheckpoint(path: path) }
      checkpoint = try Checkpoint(verifying: URL(fileURLWithPath: path))
    case .auto:
      let (newest, skipped) = try store.newestValid()
      for (url, reason) in skipped { say("warning: skipping checkpoint \(url.path): \(reason)") }
      guard let newest else {
        // To start anew here would throw away the log of a run whose checkpoints somebody may still have elsewhere.
        guard skipped.isEmpty else {
          throw RunError.noUsableCheckpoint(path: store.directory.path, damaged: skipped.count)
        }
        return nil
      }
      checkpoint = newest
    }
    let description = checkpoint.description
    let made = try Configuration(yaml: description.configuration, name: checkpoint.url.path)
    if let (key, here, there) = configuration.difference(from: made, except: Set(options.allowedChanges)) {
      throw RunError.otherConfiguration(key: key, here: here, checkpoint: there)
    }
    for (key, here, there) in configuration.differences(from: made) where options.allowedChanges.contains(key) {
      say(
        "warning: --allow-change \(key): \(here) from here on, \(there) before: no run of one configuration ends in these weights"
      )
    }
    guard let phase = Phase(rawValue: description.phase) else {
      throw CheckpointError.damaged(path: checkpoint.url.path, "its manifest names the phase \(description.phase)")
    }
    say("resuming from \(checkpoint.url.path), written by \(description.ranks) ranks")
    return ResumePoint(
      phase: phase, iteration: description.iteration, endsPhase: description.endsPhase, checkpoint: checkpoint)
  }

  /// What rank 0 found, on all ranks. Collective.
  static func shared(_ point: ResumePoint?, _ communicator: Communicator) throws -> ResumePoint? {
    let own: [Int64] =
      point.map { [1, Int64(Phase.allCases.firstIndex(of: $0.phase)!), Int64($0.iteration), $0.endsPhase ? 1 : 0] }
      ?? [0, 0, 0, 0]
    let values = try communicator.allGather(own)[0]
    guard values[0] == 1 else { return nil }
    return ResumePoint(
      phase: Phase.allCases[Int(values[1])], iteration: Int(values[2]), endsPhase: values[3] == 1,
      checkpoint: point?.checkpoint)
  }

  /// Sets all weights and statistics. For rank 0.
  func load(into net: DecoupledNet) throws {
    guard let checkpoint else { return }
    try checkpoint.weights().fill([
      net.classification, net.classificationStatistics, net.segmentation, net.segmentationStatistics,
    ])
  }

  /// Gives each rank its part of the velocity, as rank 0 reads it: never is there more of it in one place than a few pieces.
  /// Collective.
  func restoreMomentum(_ optimizer: MomentumSGD, _ owned: [[Range<Int>]], _ communicator: Communicator) throws {
    let table = optimizer.table
    var stream: TensorStream?
    var order = Array(repeating: Int32(0), count: table.parameters.count)
    try communicator.rethrowOnAllRanks {
      guard let opened = try checkpoint?.optimizerState("momentum") else { return }
      try opened.header.requireAll(of: table, othersAllowed: false)
      // The file's order; a table names each parameter once.
      order = opened.header.entries.compactMap { table.index(of: $0.name).map(Int32.init) }
      stream = opened
    }
    try order.withUnsafeMutableBytes { try communicator.broadcast($0, from: 0) }
    try optimizer.scatterMomentum(owned: owned, order: order.map(Int.init), communicator) {
      try stream?.read(into: UnsafeMutableRawBufferPointer($0))
    }
    try communicator.rethrowOnAllRanks { try stream?.finish() }
  }

  func hasEnded(_ phase: Phase, _ configuration: Configuration) -> Bool {
    if phase == self.phase { return endsPhase && iteration >= configuration.settings(of: phase).iterations }
    return phase == .classification
  }

  func iterationsDone(of phase: Phase, _ configuration: Configuration) -> Int {
    if phase == self.phase { return iteration }
    return phase == .classification ? configuration.settings(of: phase).iterations : 0
  }

  /// Whether a line of the log lies before this point.
  func covers(_ phase: String, _ iteration: Int) -> Bool {
    phase == self.phase.rawValue ? iteration <= self.iteration : phase == Phase.classification.rawValue
  }
}

/// `--initial-weights`: tensors of a file in place of the initial values of the same names.
enum InitialWeights {
  /// Returns whether the whole classification network was among them.
  static func apply(_ path: String?, to net: DecoupledNet, say: (String) -> Void) throws -> Bool {
    guard let path else { return false }
    let stored = try WeightsFile.read(URL(fileURLWithPath: path))
    let vectors = [net.classification, net.classificationStatistics, net.segmentation, net.segmentationStatistics]
    let (set, left) = try stored.setInitialWeights(of: vectors)
    say("\(path) sets \(set.count) parameters and leaves \(left.count) at their initial values")
    for name in left { say("  left: \(name)") }
    return !left.contains { $0.hasPrefix("classification.") }
  }
}
