// The decisions and files that a run has once and not once per rank: where it resumes, its log, when it stops, its end.
// Rank 0 writes, and all ranks agree on everything that changes the run's course. `RunCheckpoints` writes checkpoints.
import Checkpoints
import Cluster
import Compute
import Foundation
import Models
import Optimizers
import Support

final class Coordinator {
  /// The phases that this process runs, in their order.
  let phases: [PhaseSpec]
  private let configuration: Configuration
  private let options: TrainingOptions
  private let run: RunDirectory
  private let model: any Model
  private let communicator: Communicator
  private let display: ProgressDisplay
  /// nil for a replay, which writes none.
  private let checkpoints: RunCheckpoints?
  private let resumed: ResumePoint?
  private let metrics: MetricsLog?
  private let verification: VerificationLog?
  private let events: EventFile?
  /// The names of phases that have ended in this process or before.
  private var ended: Set<String>
  /// Parameter groups whose weights were given with `--initial-weights`.
  private let givenGroups: Set<ParameterGroup.Name>
  private(set) var reasonToStop: ExitReason?

  private var isRoot: Bool { communicator.rank == 0 }

  /// Finds the checkpoint to resume from, loads it on all ranks, and opens the logs. Throws alike on all ranks.
  init(
    _ configuration: Configuration, _ options: TrainingOptions, run: RunDirectory, model: any Model,
    communicator: Communicator, workers: WorkerPool, display: ProgressDisplay
  ) throws {
    self.configuration = configuration
    self.options = options
    self.run = run
    self.model = model
    self.communicator = communicator
    self.display = display
    phases = try communicator.rethrowOnAllRanks { try configuration.phases(named: options.phases) }
    let store = CheckpointStore(
      URL(fileURLWithPath: run.checkpoints), keep: configuration.checkpointsKept,
      phases: configuration.phases.map(\.name))
    let isRoot = communicator.rank == 0

    let point = try communicator.rethrowOnAllRanks {
      isRoot
        ? try ResumePoint.find(
          in: store, run: run, configuration: configuration, options: options, say: display.say) : nil
    }
    let resumed = try ResumePoint.shared(point, communicator)
    self.resumed = resumed
    let given = try communicator.rethrowOnAllRanks {
      guard isRoot else { return Set<ParameterGroup.Name>() }
      if let point {
        try point.load(into: model)
        return []
      }
      return try InitialWeights.apply(options.initialWeights, to: model, say: display.say)
    }
    givenGroups = Set(try model.groups.map(\.name).filter { try communicator.anyRank(given.contains($0)) })
    for vector in model.vectors {
      try communicator.broadcast(vector.pointer, count: vector.table.vectorCount, from: 0)
    }

    let before = resumed?.allowedChanges ?? []
    checkpoints =
      options.isReplay
      ? nil
      : RunCheckpoints(
        store: store, configuration: configuration, model: model, communicator: communicator, workers: workers,
        display: display,
        allowedChanges: before + options.allowedChanges.filter { !before.contains($0) })
    ended = Set(
      configuration.phases.enumerated().filter { position, phase in
        resumed?.hasEnded(position, iterations: configuration.settings(of: phase).iterations) ?? false
      }.map(\.element.name))
    func isDone(_ phase: String, _ iteration: Int) -> Bool {
      resumed?.covers(configuration.position(ofPhase: phase), iteration) ?? false
    }
    metrics = try communicator.rethrowOnAllRanks {
      guard isRoot else { return nil }
      try run.write(configuration.yaml, to: "config.yaml")
      return try MetricsLog(path: run.metrics) { isDone($0.phase, $0.iteration) }
    }
    events = try communicator.rethrowOnAllRanks {
      guard isRoot, !options.isReplay else { return nil }
      return try EventFile(folder: run.events, keep: isDone)
    }
    verification = try communicator.rethrowOnAllRanks {
      guard isRoot, configuration.verifyEvery > 0 else { return nil }
      return try VerificationLog(path: run.verification, configuration, chain: options.chain) {
        isDone($0.phase, $0.iteration)
      }
    }
    StopSignals.watch()
  }

  // MARK: Where the run stands

  func iterationsDone(of phase: PhaseSpec) -> Int {
    guard let resumed, let position = configuration.position(ofPhase: phase.name) else { return 0 }
    return resumed.iterationsDone(position, iterations: configuration.settings(of: phase).iterations)
  }

  /// True if a phase has ended and all its iterations are done.
  func isComplete(_ phase: PhaseSpec) -> Bool {
    iterationsDone(of: phase) >= configuration.settings(of: phase).iterations && ended.contains(phase.name)
  }

  /// Throws where a group that the phase reads has neither been trained nor given.
  func requireGroups(of phase: PhaseSpec) throws {
    for group in phase.requires where !givenGroups.contains(group) {
      let trainer = configuration.phases.trainer(of: group, before: phase)
      guard let trainer, ended.contains(trainer.name) else {
        throw RunError.untrainedGroup(
          phase: phase.name, group: group, trainedBy: trainer?.name ?? "no")
      }
    }
  }

  /// Allocates memory for the phase's checkpoints, and restores the optimizer's state if the run resumes inside the
  /// phase. Collective.
  func begin(_ phase: PhaseSpec, _ optimizer: any Optimizer, _ owned: [[Range<Int>]]) throws {
    try checkpoints?.begin(phase, optimizer, owned)
    guard let resumed, configuration.phases[resumed.phase].name == phase.name, resumed.iteration > 0 else { return }
    try resumed.restoreOptimizer(optimizer, owned, communicator)
  }

  // MARK: During a phase

  /// True if an iteration, counted from 1, gets digests.
  func isVerified(_ iteration: Int) -> Bool {
    configuration.verifyEvery > 0 && iteration % configuration.verifyEvery == 0
  }

  /// Adds a line to the verification log, with digests where the gradients' checksums are given. Returns the chained
  /// digest.
  func logVerification(
    _ line: VerificationLine, gradients: [VerificationLine.LayerChecksums]?, examples: () -> [String]
  ) -> String? {
    guard let verification else { return nil }
    do {
      try verification.append(
        line, weights: gradients == nil ? nil : model.namedTensors, gradients: gradients, examples: examples)
    } catch { display.say("warning: \(error)") }
    return gradients == nil ? nil : verification.chain
  }

  /// This rank's reasons to stop, for its report.
  func stopRequests(since started: Double) -> StopRequests {
    let margin = checkpoints?.reserve.seconds ?? 0
    return StopRequests(
      signalled: StopSignals.last != nil,
      pastDeadline: options.timeLimit.map { MonotonicClock.now - started + margin > $0 } ?? false)
  }

  /// Logs an iteration; returns the reason to stop after it, the same on every rank. Signals may reach one rank only,
  /// and clocks differ, so a request of any rank stops all.
  func endIteration(
    _ line: IterationMetrics, of phase: PhaseSpec, iterations: Int, _ verdict: IterationVerdict
  ) -> ExitReason? {
    checkpoints?.note(iteration: line.seconds)
    var line = line
    if let heldUp = checkpoints?.takeHeldUp(), heldUp > 0 { line.secondsCheckpointing = heldUp }
    if isRoot {
      display.show(line, of: iterations)
      do {
        try metrics?.append(line)
        try events?.append(EventRecord(line, time: Date().timeIntervalSince1970))
      } catch { display.say("warning: \(error)") }
    }
    if verdict.isSignalled {
      reasonToStop = .signal
    } else if verdict.isPastDeadline {
      reasonToStop = .timeLimit
    } else if stops(after: line.iteration, of: phase) {
      reasonToStop = .maxIterations
    }
    return reasonToStop
  }

  /// True if `--max-iterations`, counted over the phases of this process, is reached, so that no further iteration is
  /// prepared.
  func stops(after iteration: Int, of phase: PhaseSpec) -> Bool {
    guard let limit = options.maxIterations else { return false }
    return configuration.iterationsBefore(phase.name, among: phases) + iteration >= limit
  }

  func isDue(_ iteration: Int) -> Bool {
    configuration.checkpointEvery > 0 && iteration % configuration.checkpointEvery == 0
  }

  /// Writes a checkpoint while training continues. Collective.
  func checkpoint(_ phase: PhaseSpec, _ iteration: Int) throws { try checkpoints?.write(phase, iteration) }

  /// Writes the checkpoint of the last iteration before the run stops, unless it is there already. Collective.
  func lastCheckpoint(_ phase: PhaseSpec, _ iteration: Int) throws {
    try checkpoints?.secure(phase, iteration, endsPhase: false)
  }

  /// Writes the checkpoint that ends a phase. Where that fails the run continues: what the phase learned is part of
  /// every later checkpoint and of the model. Collective.
  func end(_ phase: PhaseSpec, _ iteration: Int) throws {
    ended.insert(phase.name)
    guard let checkpoints, try !checkpoints.secure(phase, iteration, endsPhase: true), isRoot else { return }
    display.say(
      "warning: the \(phase.name) phase is done and its last checkpoint is not written; the run continues without it. "
        + "Until one is written, a restart begins at \(checkpoints.newest ?? "the beginning")")
  }

  // MARK: The end

  /// Waits for the last checkpoint; writes the summary and, if training is complete, the model. Returns the error for
  /// all ranks to end with where work is lost because the last checkpoint is missing. Collective.
  func finish(
    _ reason: ExitReason, seconds: Double, phaseSeconds: [String: Double], threads: Int
  ) throws -> RunError? {
    try checkpoints?.finish()
    let complete = configuration.phases.last.map { ended.contains($0.name) } ?? true
    // A finished model holds all that was learned; before it the last checkpoint does.
    let lost = complete ? nil : checkpoints?.missing
    try communicator.rethrowOnAllRanks {
      guard isRoot else { return }
      display.finish()
      guard let checkpoints else { return }
      if complete {
        try FinishedModel.publish(model, to: run.model, newestCheckpoint: checkpoints.newest, say: display.say)
      }
      let summary = RunSummary(
        name: configuration.name, ranks: communicator.size, threads: threads, seconds: seconds,
        secondsPerPhase: phaseSeconds, weightsDigest: WeightsDigest.hex(of: model.namedTensors),
        exitReason: reason.rawValue)
      writeSummary(summary)
      if complete {
        display.say("model: \(run.model)  digest \(summary.weightsDigest)")
      } else if lost == nil {
        display.say(
          "stopped: \(reason.text); dnet-train with the same configuration and --output continues from here")
      }
      if complete, lost == nil, let missing = checkpoints.missing {
        display.say(
          "warning: the model is written, the checkpoint after \(missing.phase.name) iteration "
            + "\(missing.iteration) is not: training it further would begin at "
            + "\(checkpoints.newest ?? "the beginning")")
      }
    }
    return lost.map {
      .checkpointMissing(
        phase: $0.phase.name, iteration: $0.iteration, reason: reason.text,
        newest: isRoot ? checkpoints?.newest : nil)
    }
  }

  /// For rank 0. Nothing depends on the summary, but an old one must not stand for this end.
  private func writeSummary(_ summary: RunSummary) {
    do { try run.write(summary.json, to: "summary.json") } catch {
      display.say("warning: \(error)")
      unlink(run.file("summary.json"))
    }
  }
}
