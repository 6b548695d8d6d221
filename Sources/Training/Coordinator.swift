// What is decided or written once for all ranks: where a run resumes, its checkpoints, its log, when it stops, its end.
// Rank 0 writes; whatever changes the way of the run is agreed by all ranks.
import Checkpoints
import Cluster
import Foundation
import Kernels
import Networks
import Optimizers
import Tensors
import Workers

final class Coordinator {
  private let configuration: Configuration
  private let options: TrainingOptions
  private let run: RunDirectory
  private let net: DecoupledNet
  private let communicator: Communicator
  private let workers: WorkerPool
  private let display: ProgressDisplay
  private let store: CheckpointStore
  private let resumed: ResumePoint?
  private let metrics: MetricsLog?
  private let verification: VerificationLog?
  private let events: EventFile?
  /// Phases that have ended in this process or before.
  private var ended: Set<Phase>
  /// Whether the classification network's weights were given from outside.
  private let classificationGiven: Bool
  /// Of the phase.
  private var snapshots: SnapshotMemory?
  private(set) var reasonToStop: ExitReason?
  /// Read once, for the manifests.
  private lazy var dataDigests = StartupFacts.dataDigests(configuration)

  private var isFirst: Bool { communicator.rank == 0 }

  /// Finds where to go on, loads it on all ranks, and opens the log. Throws alike on all ranks.
  init(
    _ configuration: Configuration, _ options: TrainingOptions, _ run: RunDirectory, _ net: DecoupledNet,
    _ communicator: Communicator, _ workers: WorkerPool, _ display: ProgressDisplay
  ) throws {
    self.workers = workers
    self.configuration = configuration
    self.options = options
    self.run = run
    self.net = net
    self.communicator = communicator
    self.display = display
    let store = CheckpointStore(URL(fileURLWithPath: run.checkpoints), keep: configuration.checkpointsKept)
    self.store = store
    let first = communicator.rank == 0

    let point = try communicator.together {
      first ? try ResumePoint.find(store, run, configuration, options, say: display.say) : nil
    }
    resumed = try ResumePoint.shared(point, communicator)
    let given = try communicator.together {
      guard first else { return false }
      if let point {
        try point.load(into: net)
        return false
      }
      return try InitialWeights.apply(options.initialWeights, to: net, say: display.say)
    }
    classificationGiven = try communicator.anyRank(given)
    for vector in [net.classification, net.classificationStatistics, net.segmentation, net.segmentationStatistics] {
      try communicator.broadcast(vector.pointer, count: vector.table.vectorCount, from: 0)
    }

    let resumed = resumed
    ended = Set(Phase.allCases.filter { resumed?.hasEnded($0, configuration) ?? false })
    metrics = try communicator.together {
      guard first else { return nil }
      try run.write(configuration.yaml, to: "config.yaml")
      return try MetricsLog(path: run.metrics) { line in resumed?.covers(line.phase, line.iteration) ?? false }
    }
    events = try communicator.together {
      guard first, !options.isReplay else { return nil }
      return try EventFile(folder: run.events) { phase, iteration in resumed?.covers(phase, iteration) ?? false }
    }
    verification = try communicator.together {
      guard first, configuration.verifyEvery > 0 else { return nil }
      return try VerificationLog(path: run.verification, configuration, chain: options.chain) { line in
        resumed?.covers(line.phase, line.iteration) ?? false
      }
    }
    StopSignals.watch()
  }

  // MARK: Time

  /// Of an iteration; the first of a process does not count, pictures are decoded in it.
  private var longestIteration = 0.0
  private var iterationsSeen = 0
  /// From the gathering of the velocity to the last byte on disk.
  private var longestCheckpoint: Double?

  /// Seconds that checkpoints have held up training since the last line of the log.
  private var heldUp = 0.0

  /// Before the first checkpoint: at 100 MB/s, weights and velocity.
  private var expectedCheckpointSeconds: Double {
    let floats = [net.classification, net.segmentation].reduce(0) { $0 + 2 * $1.table.vectorCount }
    return Double(4 * floats) / 100e6
  }

  private func note(iteration seconds: Double) {
    iterationsSeen += 1
    if iterationsSeen > 1 { longestIteration = max(longestIteration, seconds) }
  }

  // MARK: Where the run stands

  func iterationsDone(of phase: Phase) -> Int { resumed?.iterationsDone(of: phase, configuration) ?? 0 }

  func hasEnded(_ phase: Phase) -> Bool { ended.contains(phase) }

  /// The segmentation phase reads a classification network that somebody has trained.
  func requireClassification() throws {
    guard ended.contains(.classification) || classificationGiven else { throw RunError.noClassification }
  }

  /// Makes memory for the phase's checkpoints, and gives the optimiser the velocity of the one that the run resumes from,
  /// if that lies inside the phase. Collective.
  func begin(_ phase: Phase, _ optimizer: MomentumSGD, _ owned: [[Range<Int>]]) throws {
    try snapshots?.finish()
    snapshots = nil
    if !options.isReplay { snapshots = SnapshotMemory(phase, net, optimizer, owned, communicator, workers) }
    snapshots?.touch()
    guard let resumed, resumed.phase == phase, resumed.iteration > 0 else { return }
    try resumed.restoreVelocity(optimizer, owned, communicator)
  }

  // MARK: During a phase

  /// Whether an iteration, counted from 1, gets digests.
  func isVerified(_ iteration: Int) -> Bool {
    configuration.verifyEvery > 0 && iteration % configuration.verifyEvery == 0
  }

  /// Adds a line to the verification log; with digests where the gradients' words are given. Returns the chained digest.
  func logVerification(
    _ line: VerificationLine, gradients: [VerificationLine.LayerWords]?, examples: () -> [String]
  ) -> String? {
    guard let verification else { return nil }
    do {
      try verification.append(
        line, weights: gradients == nil ? nil : net.namedTensors, gradients: gradients, examples: examples)
    } catch { display.say("warning: \(error)") }
    return gradients == nil ? nil : verification.chain
  }

  /// This rank's wish to stop, for its report.
  func wishes(since started: Double) -> (signalled: Bool, late: Bool) {
    // What is still to come before the end: an iteration like the longest, and the checkpoint.
    let reserve = longestIteration + 1.5 * (longestCheckpoint ?? expectedCheckpointSeconds) + 1
    return (StopSignals.last != nil, options.timeLimit.map { Clock.now - started + reserve > $0 } ?? false)
  }

  /// Logs an iteration; returns why the run should stop here, the same on every rank. Signals may reach one rank only, and
  /// clocks differ: any rank's word stops all.
  func endIteration(_ line: IterationMetrics, of iterations: Int, _ verdict: IterationVerdict) -> ExitReason? {
    note(iteration: line.seconds)
    var line = line
    if heldUp > 0 { line.secondsCheckpointing = heldUp }
    heldUp = 0
    if isFirst {
      display.show(line, of: iterations)
      do {
        try metrics?.append(line)
        try events?.append(EventRecord(line, time: Date().timeIntervalSince1970))
      } catch { display.say("warning: \(error)") }
    }
    if verdict.isSignalled {
      reasonToStop = .signal
    } else if verdict.isLate {
      reasonToStop = .timeLimit
    } else if let limit = options.stopAfter, totalIterations(line) >= limit {
      reasonToStop = .stoppedAfter
    }
    return reasonToStop
  }

  /// Iterations in all: the classification phase's count in full once the segmentation phase runs.
  private func totalIterations(_ line: IterationMetrics) -> Int {
    line.phase == Phase.segmentation.rawValue && options.phases.contains(.classification)
      ? configuration.settings(of: .classification).iterations + line.iteration : line.iteration
  }

  /// Whether this is known to be the run's last iteration: nothing need be prepared for the next.
  func stops(after iteration: Int, of phase: Phase) -> Bool {
    guard let limit = options.stopAfter else { return false }
    let before =
      phase == .segmentation && options.phases.contains(.classification)
      ? configuration.settings(of: .classification).iterations : 0
    return before + iteration >= limit
  }

  func isDue(_ iteration: Int) -> Bool {
    configuration.checkpointEvery > 0 && iteration % configuration.checkpointEvery == 0
  }

  /// Copies the state of all ranks and writes a checkpoint in the background; collective. A failed write is said and tried again
  /// at the next interval; at a phase's end it is waited for, and a failure ends the run.
  func checkpoint(
    _ phase: Phase, _ iteration: Int, _ optimizer: MomentumSGD, _ owned: [[Range<Int>]], ended isEnd: Bool
  ) throws {
    if options.isReplay {
      if isEnd { ended.insert(phase) }
      return
    }
    let began = Clock.now
    defer {
      heldUp += Clock.now - began
      longestCheckpoint = max(longestCheckpoint ?? 0, Clock.now - began, store.lastSeconds)
    }
    if isFirst {
      do { try store.waitForWriter() } catch { display.say("warning: \(error); training goes on") }
      sayRemarks()
    }
    try communicator.together {
      // A last update that ran away shows in no loss; with such weights a run could never go on.
      if isFirst, let bad = snapshots?.firstNotFinite {
        throw RunError.weightsNotFinite(phase: phase.rawValue, iteration: iteration, tensor: bad)
      }
    }
    try snapshots?.takeVelocity()
    if isEnd { ended.insert(phase) }
    try communicator.together {
      guard isFirst, let snapshots else { return }
      let description = CheckpointDescription(
        phase: phase.rawValue, iteration: iteration, endsPhase: isEnd, seed: configuration.seed,
        configuration: configuration.yaml, network: net.shape.text, ranks: communicator.size, dnetVersion: Version.text,
        instructionSet: StartupFacts.instructionSet, blas: "\(BLAS.version) \(BLAS.coreName)", data: dataDigests,
        allowedChanges: (resumed?.allowedChanges ?? []) + options.allowedChanges.filter { !(resumed?.allowedChanges ?? []).contains($0) })
      let snapshot = snapshots.snapshot(description)
      if isEnd {
        display.finish()
        display.say("\(phase.rawValue) phase done: \(try store.write(snapshot).path)")
      } else {
        try store.writeInBackground(snapshot)
      }
    }
  }

  /// Failures around the last checkpoint that cost nothing but tidiness.
  private func sayRemarks() {
    for remark in store.takeRemarks() { display.say("warning: \(remark); training goes on") }
  }

  /// Waits for a checkpoint that is being written. Collective.
  func waitForWriter() throws { try communicator.together { try store.waitForWriter() } }

  // MARK: The end

  /// Waits for the last checkpoint; writes the model, if training is over, and the summary. Collective.
  func finish(_ reason: ExitReason, seconds: Double, phaseSeconds: [String: Double], threads: Int) throws {
    try snapshots?.finish()
    try communicator.together {
      guard isFirst else { return }
      display.finish()
      try store.waitForWriter()
      sayRemarks()
      if options.isReplay { return }
      let complete = ended.contains(.segmentation)
      if complete {
        try WeightsFile.publish(
          net.namedTensors, metadata: ["dnet": Version.text, "network": net.shape.text],
          to: URL(fileURLWithPath: run.model))
      }
      let summary = RunSummary(
        name: configuration.name, ranks: communicator.size, threads: threads, seconds: seconds,
        secondsPerPhase: phaseSeconds, weightsDigest: WeightsDigest.hex(of: net.namedTensors),
        exitReason: reason.rawValue)
      try run.write(summary.json, to: "summary.json")
      display.say(
        complete
          ? "model: \(run.model)  digest \(summary.weightsDigest)"
          : "stopped (\(reason.rawValue)); dnet-train with the same configuration and --output goes on from here")
    }
  }
}

/// RUN/summary.json.
package struct RunSummary: Codable, Sendable {
  package var name: String
  package var ranks: Int
  /// Of each rank.
  package var threads: Int
  package var seconds: Double
  package var secondsPerPhase: [String: Double]
  package var weightsDigest: String
  package var exitReason: String

  enum CodingKeys: String, CodingKey {
    case name, ranks, threads, seconds
    case secondsPerPhase = "seconds_per_phase"
    case weightsDigest = "weights_digest"
    case exitReason = "exit_reason"
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
  }
}

package enum Version {
  package static let text = "0.1.0"
}
