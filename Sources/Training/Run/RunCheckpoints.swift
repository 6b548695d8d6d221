// The checkpoints of a run in progress: copied on all ranks and written by rank 0. A failed write is reported and does
// not end the run. Within a phase the next interval tries again. A checkpoint that must be on disk before the run
// continues or ends is tried several times, and `missing` names one that could not be written.
import Checkpoints
import Cluster
import Compute
import Foundation
import Kernels
import Models
import Optimizers
import Support

final class RunCheckpoints {
  /// Seconds before each further attempt to write a checkpoint or model that no later one replaces.
  static let pauses: [Double] = [1, 2, 4]

  let store: CheckpointStore
  private let configuration: Configuration
  private let model: any Model
  private let communicator: Communicator
  private let workers: WorkerPool
  private let display: ProgressDisplay
  /// The keys whose values `--allow-change` has changed during the run.
  private let allowedChanges: [String]
  /// The memory for the current phase's snapshots.
  private var snapshots: SnapshotMemory?
  /// The digests of the data for the manifests, computed once.
  private lazy var dataDigests = StartupFacts.dataDigests(configuration)
  /// The checkpoint that is being written or was written last. Rank 0 only.
  private var current: (phase: PhaseSpec, iteration: Int)?
  /// The most recent required checkpoint that could not be written; the same on all ranks.
  private(set) var missing: (phase: PhaseSpec, iteration: Int)?
  private(set) var reserve: DeadlineMargin
  /// The seconds for which checkpoints have held up training since the last line of the log.
  private var heldUp = 0.0

  private var isRoot: Bool { communicator.rank == 0 }

  init(
    store: CheckpointStore, configuration: Configuration, model: any Model, communicator: Communicator,
    workers: WorkerPool, display: ProgressDisplay, allowedChanges: [String]
  ) {
    self.store = store
    self.configuration = configuration
    self.model = model
    self.communicator = communicator
    self.workers = workers
    self.display = display
    self.allowedChanges = allowedChanges
    reserve = DeadlineMargin(
      checkpointFloats: model.groups.reduce(0) { $0 + 2 * $1.parameters.table.vectorCount })
  }

  /// Allocates memory for the phase's checkpoints. Collective.
  func begin(_ phase: PhaseSpec, _ optimizer: any Optimizer, _ owned: [[Range<Int>]]) throws {
    try snapshots?.finish()
    snapshots = nil
    snapshots = SnapshotMemory(
      phase, model: model, optimizer: optimizer, owned: owned, communicator: communicator, pool: workers)
    snapshots?.touch()
  }

  /// Returns the seconds for which checkpoints have held up training since the last call.
  func takeHeldUp() -> Double {
    defer { heldUp = 0 }
    return heldUp
  }

  func note(iteration seconds: Double) { reserve.note(iteration: seconds) }

  // MARK: Writing

  /// Copies the state of all ranks and writes it in the background. A failure is reported, and the next interval tries
  /// again. Collective.
  func write(_ phase: PhaseSpec, _ iteration: Int) throws {
    try timed {
      if isRoot { waitForWriter(before: "training continues") }
      try requireFinite(phase, iteration)
      try snapshots?.takeOptimizerState()
      try communicator.rethrowOnAllRanks {
        guard isRoot, let snapshots else { return }
        current = (phase, iteration)
        try store.writeInBackground(snapshots.snapshot(describe(phase, iteration, endsPhase: false)))
      }
    }
  }

  /// Writes a checkpoint of the current state unless it is on disk already. Tries several times and reports each
  /// failure. Returns true if it is on disk, the same on all ranks. Collective.
  @discardableResult
  func secure(_ phase: PhaseSpec, _ iteration: Int, endsPhase: Bool) throws -> Bool {
    try timed {
      var isThere = false
      if isRoot {
        isThere =
          waitForWriter(before: "it is tried again")
          && current.map { $0.phase.name == phase.name && $0.iteration == iteration } ?? false && !endsPhase
      }
      if try communicator.anyRank(isThere) { return true }
      try requireFinite(phase, iteration)
      for pause in Self.pauses.map(Optional.some) + [nil] {
        try snapshots?.takeOptimizerState()
        let failure = attempt(phase, iteration, endsPhase: endsPhase)
        if try !communicator.anyRank(failure != nil) {
          missing = nil
          return true
        }
        if isRoot, let failure {
          display.finish()
          display.say("warning: \(failure)" + (pause.map { String(format: "; the next attempt is in %g s", $0) } ?? ""))
          if let pause { Thread.sleep(forTimeInterval: pause) }
        }
      }
      missing = (phase, iteration)
      return false
    }
  }

  /// Writes a checkpoint on rank 0. Returns the error; nil for success and on other ranks.
  private func attempt(_ phase: PhaseSpec, _ iteration: Int, endsPhase: Bool) -> (any Error)? {
    guard isRoot, let snapshots else { return nil }
    current = (phase, iteration)
    do {
      let url = try store.write(snapshots.snapshot(describe(phase, iteration, endsPhase: endsPhase)))
      display.finish()
      if endsPhase { display.say("\(phase.name) phase done: \(url.path)") }
      sayRemarks()
      return nil
    } catch { return error }
  }

  /// Waits for all data that is being written or sent. Collective.
  func finish() throws {
    try snapshots?.finish()
    if isRoot { waitForWriter(before: "the run is over") }
  }

  /// The path of the newest checkpoint, from which the run would resume, for messages. Rank 0 only.
  var newest: String? { (try? store.list().last)?.url.path }

  /// Waits for the writer and reports a failure. Returns true if the write succeeded. Rank 0 only.
  @discardableResult
  private func waitForWriter(before next: String) -> Bool {
    defer { sayRemarks() }
    do {
      try store.waitForWriter()
      return true
    } catch {
      display.say("warning: \(error); \(next)")
      current = nil
      return false
    }
  }

  /// Reports failures that left the last checkpoint whole, such as an old one that could not be removed.
  private func sayRemarks() {
    for remark in store.takeRemarks() { display.say("warning: \(remark); training continues") }
  }

  private func requireFinite(_ phase: PhaseSpec, _ iteration: Int) throws {
    try communicator.rethrowOnAllRanks {
      // The last update may diverge without showing in any loss, and a run could not resume from such weights.
      if isRoot, let bad = snapshots?.firstNotFinite {
        throw RunError.weightsNotFinite(phase: phase.name, iteration: iteration, tensor: bad)
      }
    }
  }

  private func timed<Result>(_ body: () throws -> Result) rethrows -> Result {
    let began = MonotonicClock.now
    defer {
      heldUp += MonotonicClock.now - began
      reserve.note(checkpoint: max(MonotonicClock.now - began, store.lastSeconds))
    }
    return try body()
  }

  private func describe(_ phase: PhaseSpec, _ iteration: Int, endsPhase: Bool) -> CheckpointDescription {
    CheckpointDescription(
      phase: phase.name, phaseIndex: configuration.position(ofPhase: phase.name), iteration: iteration,
      endsPhase: endsPhase, seed: configuration.seed, configuration: configuration.yaml,
      network: model.description.text, ranks: communicator.size, dnetVersion: Version.text,
      instructionSet: StartupFacts.instructionSet, blas: "\(BLAS.version) \(BLAS.coreName)", data: dataDigests,
      allowedChanges: allowedChanges)
  }
}
