// The checkpoints of a run that goes on: copied on all ranks, written by rank 0. A write that fails is said and costs nothing
// but itself: within a phase the next interval tries again; what must be on disk before the run goes on or ends is tried
// several times at once, and where that fails too the run knows.
import Checkpoints
import Cluster
import Foundation
import Kernels
import Networks
import Optimizers
import Compute
import Support

final class RunCheckpoints {
  /// Seconds before each further attempt at a checkpoint or model that no later one makes up for.
  static let pauses: [Double] = [1, 2, 4]

  let store: CheckpointStore
  private let configuration: Configuration
  private let net: DecoupledNet
  private let communicator: Communicator
  private let workers: WorkerPool
  private let display: ProgressDisplay
  /// Keys that were changed on the way.
  private let allowedChanges: [String]
  /// Of the phase.
  private var snapshots: SnapshotMemory?
  /// Read once, for the manifests.
  private lazy var dataDigests = StartupFacts.dataDigests(configuration)
  /// Rank 0's: what is being written, or was last.
  private var underWay: (phase: Phase, iteration: Int)?
  /// Of the last that had to be on disk and is not; the same on all ranks.
  private(set) var missing: (phase: Phase, iteration: Int)?
  private(set) var reserve: DeadlineMargin
  /// Seconds that checkpoints have held up training since the last line of the log.
  private var heldUp = 0.0

  private var isFirst: Bool { communicator.rank == 0 }

  init(
    _ store: CheckpointStore, _ configuration: Configuration, _ net: DecoupledNet, _ communicator: Communicator,
    _ workers: WorkerPool, _ display: ProgressDisplay, allowedChanges: [String]
  ) {
    (self.store, self.configuration, self.net, self.communicator) = (store, configuration, net, communicator)
    (self.workers, self.display, self.allowedChanges) = (workers, display, allowedChanges)
    reserve = DeadlineMargin(
      checkpointFloats: [net.classification, net.segmentation].reduce(0) { $0 + 2 * $1.table.vectorCount })
  }

  /// Makes memory for the phase's checkpoints. Collective.
  func begin(_ phase: Phase, _ optimizer: MomentumSGD, _ owned: [[Range<Int>]]) throws {
    try snapshots?.finish()
    snapshots = nil
    snapshots = SnapshotMemory(phase, net, optimizer, owned, communicator, workers)
    snapshots?.touch()
  }

  /// Since the last call.
  func takeHeldUp() -> Double {
    defer { heldUp = 0 }
    return heldUp
  }

  func note(iteration seconds: Double) { reserve.note(iteration: seconds) }

  // MARK: Writing

  /// Copies the state of all ranks and writes it in the background. A failure is said, and the next interval tries again.
  /// Collective.
  func write(_ phase: Phase, _ iteration: Int) throws {
    try timed {
      if isFirst { settle(before: "training goes on") }
      try requireFinite(phase, iteration)
      try snapshots?.takeMomentum()
      try communicator.rethrowOnAllRanks {
        guard isFirst, let snapshots else { return }
        underWay = (phase, iteration)
        try store.writeInBackground(snapshots.snapshot(describe(phase, iteration, endsPhase: false)))
      }
    }
  }

  /// Sees that a checkpoint of the state as it is now is on disk, before it returns: tries several times, and says each failure.
  /// Returns whether it is there, the same on all ranks. Collective.
  @discardableResult
  func secure(_ phase: Phase, _ iteration: Int, endsPhase: Bool) throws -> Bool {
    try timed {
      var isThere = false
      if isFirst {
        isThere =
          settle(before: "it is tried again") && underWay.map { $0 == (phase, iteration) } ?? false && !endsPhase
      }
      if try communicator.anyRank(isThere) { return true }
      try requireFinite(phase, iteration)
      for pause in Self.pauses.map(Optional.some) + [nil] {
        try snapshots?.takeMomentum()
        let failure = attempt(phase, iteration, endsPhase: endsPhase)
        if try !communicator.anyRank(failure != nil) {
          missing = nil
          return true
        }
        if isFirst, let failure {
          display.finish()
          display.say("warning: \(failure)" + (pause.map { String(format: "; the next attempt is in %g s", $0) } ?? ""))
          if let pause { Thread.sleep(forTimeInterval: pause) }
        }
      }
      missing = (phase, iteration)
      return false
    }
  }

  /// Rank 0 writes; nil for success, and on other ranks.
  private func attempt(_ phase: Phase, _ iteration: Int, endsPhase: Bool) -> (any Error)? {
    guard isFirst, let snapshots else { return nil }
    underWay = (phase, iteration)
    do {
      let url = try store.write(snapshots.snapshot(describe(phase, iteration, endsPhase: endsPhase)))
      display.finish()
      if endsPhase { display.say("\(phase.rawValue) phase done: \(url.path)") }
      sayRemarks()
      return nil
    } catch { return error }
  }

  /// Waits for all that is being written or sent. Collective.
  func finish() throws {
    try snapshots?.finish()
    if isFirst { settle(before: "the run is over") }
  }

  /// The newest checkpoint by name, for messages: where going on would begin. Rank 0's.
  var newest: String? { (try? store.list().last)?.url.path }

  /// Waits for the writer and says what went wrong; whether it went well. Rank 0's.
  @discardableResult
  private func settle(before next: String) -> Bool {
    defer { sayRemarks() }
    do {
      try store.waitForWriter()
      return true
    } catch {
      display.say("warning: \(error); \(next)")
      underWay = nil
      return false
    }
  }

  /// Failures around the last checkpoint that cost nothing but tidiness.
  private func sayRemarks() {
    for remark in store.takeRemarks() { display.say("warning: \(remark); training goes on") }
  }

  private func requireFinite(_ phase: Phase, _ iteration: Int) throws {
    try communicator.rethrowOnAllRanks {
      // A last update that ran away shows in no loss; with such weights a run could never go on.
      if isFirst, let bad = snapshots?.firstNotFinite {
        throw RunError.weightsNotFinite(phase: phase.rawValue, iteration: iteration, tensor: bad)
      }
    }
  }

  private func timed<Result>(_ body: () throws -> Result) rethrows -> Result {
    let began = Clock.now
    defer {
      heldUp += Clock.now - began
      reserve.note(checkpoint: max(Clock.now - began, store.lastSeconds))
    }
    return try body()
  }

  private func describe(_ phase: Phase, _ iteration: Int, endsPhase: Bool) -> CheckpointDescription {
    CheckpointDescription(
      phase: phase.rawValue, phaseIndex: Phase.allCases.firstIndex(of: phase), iteration: iteration,
      endsPhase: endsPhase, seed: configuration.seed, configuration: configuration.yaml, network: net.shape.text, ranks: communicator.size, dnetVersion: Version.text,
      instructionSet: StartupFacts.instructionSet, blas: "\(BLAS.version) \(BLAS.coreName)", data: dataDigests,
      allowedChanges: allowedChanges)
  }
}
