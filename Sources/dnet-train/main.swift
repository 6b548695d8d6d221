// dnet-train: the trainer. All it does itself is to read the command line and to turn errors into exit statuses.
import ArgumentParser
import Cluster
import Foundation
import Training

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dnet-train",
    abstract: "Trains DecoupledNet; under mpirun, on all ranks together.",
    discussion: """
      mpirun -n 8 dnet-train Configs/voc12/decouplednet-5.yaml --output runs/voc12-5

      The weights depend on the configuration, the data, the seed and the instruction set alone, not on the number of \
      ranks or threads, nor on how often the run was stopped and resumed.

      Exit status: 0 finished, or stopped by --stop-after; 1 an error, also where the model or the checkpoint to go on from \
      could not be written; 75 stopped early by a signal or --time-limit, with a checkpoint: start the same command again.

      Configuration keys:
      \(ConfigurationKey.table)
      """, version: Version.text)

  @Argument(help: "The configuration, a YAML file.")
  var config: String

  @Option(help: "The run's directory: checkpoints, log, model.")
  var output: String = "runs/dnet"

  @Option(
    name: .customLong("set"), help: ArgumentHelp("Changes a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(
    help:
      "auto goes on from the newest valid checkpoint, never starts anew in a directory without any, DIR goes on from that checkpoint."
  )
  var resume: String = "auto"

  @Option(
    name: .customLong("allow-change"),
    help: ArgumentHelp(
      "Goes on from a checkpoint made with another value of this key; the checkpoints then say so.", valueName: "key"))
  var allowedChanges: [String] = []

  @Option(help: "classification, segmentation or all.")
  var phase: String = "all"

  @Option(help: "Stops after so many iterations in all, with a checkpoint.")
  var stopAfter: Int?

  @Option(help: "A safetensors file, plain or in zstd, that sets the parameters that it names.")
  var initialWeights: String?

  @Option(help: "Records what the network saw and did in the first iterations of each phase.")
  var recordSteps: Int = 0

  @Option(help: "Stops in time with a checkpoint: seconds, or such as 3h50m.")
  var timeLimit: String?

  @Option(help: "Writes a timeline of all ranks that chrome://tracing and Perfetto open.")
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "Causes a fault in an iteration: kill or stop ends or freezes the rank, nan and flip spoil its gradient.",
      valueName: "fault:rank:iteration"))
  var drill: String?

  @Flag(help: "Checks configuration and data, says what would be trained, and ends.")
  var dryRun = false

  func validate() throws {
    for key in allowedChanges where ConfigurationKey.named(key) == nil {
      throw ValidationError("--allow-change \(key): no such key; did you mean \(ConfigurationKey.nearest(to: key))?")
    }
    for key in allowedChanges where key.hasPrefix("network.") {
      throw ValidationError(
        "--allow-change \(key): the checkpoint's weights are those of its own network; start anew with --initial-weights"
      )
    }
    if let stopAfter, stopAfter < 1 { throw ValidationError("--stop-after \(stopAfter): it takes at least 1") }
    if let drill, FaultInjection(drill) == nil {
      throw ValidationError("--drill \(drill): it takes such as kill:1:20, stop:0:5 or nan:2:3")
    }
    guard recordSteps >= 0 else { throw ValidationError("--record-steps \(recordSteps): it takes 0 or more") }
    if let timeLimit, Duration.seconds(of: timeLimit) == nil {
      throw ValidationError("--time-limit \(timeLimit): it takes seconds, or such as 3h50m, 45m, 90s")
    }
  }

  var options: TrainingOptions {
    var options = TrainingOptions(output: output)
    options.resume = resume == "auto" ? .auto : resume == "never" ? .never : .from(resume)
    options.allowedChanges = allowedChanges
    options.phases = phase == "all" ? nil : [phase]
    options.stopAfter = stopAfter
    options.initialWeights = initialWeights
    options.recordSteps = recordSteps
    options.timeLimit = timeLimit.flatMap(Duration.seconds)
    options.trace = trace
    options.drill = drill.flatMap(FaultInjection.init)
    return options
  }

  func run() throws {
    Startup.settleArithmetic()
    Startup.keepMemory()
    let communicator: Communicator
    do { communicator = try Communicator.start() } catch {
      Self.say("dnet-train: \(error)")
      throw ExitCode(1)
    }
    do {
      let configuration = try communicator.rethrowOnAllRanks { try Configuration(file: config, settings: settings) }
      if dryRun {
        let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
        try StartupChecks.run(configuration, options, communicator, threads: threads, say: Self.say)
        let plan = try TrainingPlan(configuration, communicator)
        if communicator.rank == 0 { print(plan.text) }
        try communicator.finish()
        return
      }
      let reason = try TrainingLoop(configuration, options, communicator).train()
      try communicator.finish()
      if reason == .signal || reason == .timeLimit { throw ExitCode(75) }
    } catch let code as ExitCode {
      throw code
    } catch {
      if let text = Self.sharedText(error) {
        // Every rank has it: one says so, and all leave in order.
        if communicator.rank == 0 { Self.say("dnet-train: \(text)") }
        try? communicator.finish()
        throw ExitCode(1)
      }
      Self.say("dnet-train: rank \(communicator.rank): \(error)")
      communicator.abort(status: 1)
    }
  }

  /// What the one rank that speaks says of an error that all ranks throw together; nil for one rank's own.
  private static func sharedText(_ error: any Error) -> String? {
    switch error {
    case let error as ClusterError where error.isShared: error.sharedText
    case let error as RunError where error.isShared: error.description
    default: nil
    }
  }

  private static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

// A wrong command line is wrong on every rank: the first one says so.
if let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"], rank != "0" {
  do {
    var command = try Train.parseAsRoot()
    try command.run()
  } catch {
    Foundation.exit(Train.exitCode(for: error).rawValue)
  }
} else {
  Train.main()
}
