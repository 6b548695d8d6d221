// What is decided or written once for all ranks: where a run resumes, its log, when it stops, its end. Rank 0 writes;
// whatever changes the way of the run is agreed by all ranks. Checkpoints themselves are `RunCheckpoints`' work.
import Checkpoints
import Cluster
import Foundation
import Networks
import Optimizers
import Compute
import Support

final class Coordinator {
  private let configuration: Configuration
  private let options: TrainingOptions
  private let run: RunDirectory
  private let net: DecoupledNet
  private let communicator: Communicator
  private let display: ProgressDisplay
  /// Nil for a replay, which writes none.
  private let checkpoints: RunCheckpoints?
  private let resumed: ResumePoint?
  private let metrics: MetricsLog?
  private let verification: VerificationLog?
  private let events: EventFile?
  /// Phases that have ended in this process or before.
  private var ended: Set<Phase>
  /// Whether the classification network's weights were given from outside.
  private let classificationGiven: Bool
  private(set) var reasonToStop: ExitReason?

  private var isFirst: Bool { communicator.rank == 0 }

  /// Finds where to go on, loads it on all ranks, and opens the log. Throws alike on all ranks.
  init(
    _ configuration: Configuration, _ options: TrainingOptions, _ run: RunDirectory, _ net: DecoupledNet,
    _ communicator: Communicator, _ workers: WorkerPool, _ display: ProgressDisplay
  ) throws {
    self.configuration = configuration
    self.options = options
    self.run = run
    self.net = net
    self.communicator = communicator
    self.display = display
    let store = CheckpointStore(
      URL(fileURLWithPath: run.checkpoints), keep: configuration.checkpointsKept,
      phases: Phase.allCases.map(\.rawValue))
    let first = communicator.rank == 0

    let point = try communicator.rethrowOnAllRanks {
      first ? try ResumePoint.find(store, run, configuration, options, say: display.say) : nil
    }
    resumed = try ResumePoint.shared(point, communicator)
    let given = try communicator.rethrowOnAllRanks {
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
    let before = resumed?.allowedChanges ?? []
    checkpoints =
      options.isReplay
      ? nil
      : RunCheckpoints(
        store, configuration, net, communicator, workers, display,
        allowedChanges: before + options.allowedChanges.filter { !before.contains($0) })
    ended = Set(Phase.allCases.filter { resumed?.hasEnded($0, configuration) ?? false })
    metrics = try communicator.rethrowOnAllRanks {
      guard first else { return nil }
      try run.write(configuration.yaml, to: "config.yaml")
      return try MetricsLog(path: run.metrics) { line in resumed?.covers(line.phase, line.iteration) ?? false }
    }
    events = try communicator.rethrowOnAllRanks {
      guard first, !options.isReplay else { return nil }
      return try EventFile(folder: run.events) { phase, iteration in resumed?.covers(phase, iteration) ?? false }
    }
    verification = try communicator.rethrowOnAllRanks {
      guard first, configuration.verifyEvery > 0 else { return nil }
      return try VerificationLog(path: run.verification, configuration, chain: options.chain) { line in
        resumed?.covers(line.phase, line.iteration) ?? false
      }
    }
    StopSignals.watch()
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
    try checkpoints?.begin(phase, optimizer, owned)
    guard let resumed, resumed.phase == phase, resumed.iteration > 0 else { return }
    try resumed.restoreMomentum(optimizer, owned, communicator)
  }

  // MARK: During a phase

  /// Whether an iteration, counted from 1, gets digests.
  func isVerified(_ iteration: Int) -> Bool {
    configuration.verifyEvery > 0 && iteration % configuration.verifyEvery == 0
  }

  /// Adds a line to the verification log; with digests where the gradients' words are given. Returns the chained digest.
  func logVerification(
    _ line: VerificationLine, gradients: [VerificationLine.LayerChecksums]?, examples: () -> [String]
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
    let reserve = checkpoints?.reserve.seconds ?? 0
    return (StopSignals.last != nil, options.timeLimit.map { Clock.now - started + reserve > $0 } ?? false)
  }

  /// Logs an iteration; returns why the run should stop here, the same on every rank. Signals may reach one rank only, and
  /// clocks differ: any rank's word stops all.
  func endIteration(_ line: IterationMetrics, of iterations: Int, _ verdict: IterationVerdict) -> ExitReason? {
    checkpoints?.note(iteration: line.seconds)
    var line = line
    if let heldUp = checkpoints?.takeHeldUp(), heldUp > 0 { line.secondsCheckpointing = heldUp }
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

  /// Writes a checkpoint beside the training that goes on. Collective.
  func checkpoint(_ phase: Phase, _ iteration: Int) throws { try checkpoints?.write(phase, iteration) }

  /// Writes the checkpoint of the last iteration before the run stops, unless it is there. Collective.
  func lastCheckpoint(_ phase: Phase, _ iteration: Int) throws {
    try checkpoints?.secure(phase, iteration, endsPhase: false)
  }

  /// Writes the checkpoint that ends a phase. Where that fails the run goes on: what the phase learned is part of every later
  /// checkpoint, and of the model. Collective.
  func end(_ phase: Phase, _ iteration: Int) throws {
    ended.insert(phase)
    guard let checkpoints, try !checkpoints.secure(phase, iteration, endsPhase: true), isFirst else { return }
    display.say(
      "warning: the \(phase.rawValue) phase is done and its last checkpoint is not written; the run goes on without. Until one is, "
        + "a restart begins at \(checkpoints.newest ?? "the beginning")")
  }

  // MARK: The end

  /// Waits for the last checkpoint; writes the model, if training is over, and the summary. Returns the error to end with, for all
  /// ranks, where the run lacks what only its last checkpoint would have had. Collective.
  func finish(_ reason: ExitReason, seconds: Double, phaseSeconds: [String: Double], threads: Int) throws -> RunError? {
    try checkpoints?.finish()
    let complete = ended.contains(.segmentation)
    // A finished model holds all that was learned; before it the last checkpoint does.
    let lost = complete ? nil : checkpoints?.missing
    try communicator.rethrowOnAllRanks {
      guard isFirst else { return }
      display.finish()
      guard let checkpoints else { return }
      if complete {
        try FinishedModel.publish(net, to: run.model, newestCheckpoint: checkpoints.newest, say: display.say)
      }
      let summary = RunSummary(
        name: configuration.name, ranks: communicator.size, threads: threads, seconds: seconds,
        secondsPerPhase: phaseSeconds, weightsDigest: WeightsDigest.hex(of: net.namedTensors),
        exitReason: reason.rawValue)
      writeSummary(summary)
      if complete {
        display.say("model: \(run.model)  digest \(summary.weightsDigest)")
      } else if lost == nil {
        display.say(
          "stopped (\(reason.rawValue)); dnet-train with the same configuration and --output goes on from here")
      }
      if complete, lost == nil, let missing = checkpoints.missing {
        display.say(
          "warning: the model is written, the checkpoint after \(missing.phase.rawValue) iteration \(missing.iteration) is not: "
            + "to train it further would begin at \(checkpoints.newest ?? "the beginning")")
      }
    }
    return lost.map {
      .checkpointMissing(
        phase: $0.phase.rawValue, iteration: $0.iteration, reason: reason.rawValue,
        newest: isFirst ? checkpoints?.newest : nil)
    }
  }

  /// For rank 0. Nothing depends on the summary; an old one must not stand for this end.
  private func writeSummary(_ summary: RunSummary) {
    do { try run.write(summary.json, to: "summary.json") } catch {
      display.say("warning: \(error)")
      unlink(run.file("summary.json"))
    }
  }
}
