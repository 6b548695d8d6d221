// The command line of dnet-train. It is a library, so that a program with further models is one file: register them,
// then call `Train.start()`.
import ArgumentParser
import Cluster
import Foundation
import Support
import Training

package struct Train: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "dnet-train",
    abstract: "Trains a model, alone or under mpirun on all ranks together.",
    discussion: """
      mpirun -n 8 dnet-train Configs/voc12/decouplednet-5.yaml --output runs/voc12-5

      The weights depend only on the configuration, the data, the seed and the instruction set, not on the number of \
      ranks or threads, nor on how often the run was stopped and resumed.

      Exit status: 0 if training finished or reached --max-iterations; 1 on an error, also if the model or a required \
      checkpoint could not be written; 75 if a signal or --time-limit stopped the run, which has written a checkpoint: \
      start the same command again to continue.

      Configuration keys:
      \(ConfigurationKey.table)
      """, version: Version.text)

  @Argument(help: "The configuration, a YAML file.")
  var config: String

  @Option(help: "The run directory, for checkpoints, logs and the model.")
  var output: String = "runs/dnet"

  @Option(
    name: .customLong("set"), help: ArgumentHelp("Sets a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(
    help: """
      auto: continue from the newest valid checkpoint, if any; never: start in a directory without checkpoints; DIR: \
      continue from that checkpoint.
      """)
  var resume: String = "auto"

  @Option(
    name: .customLong("allow-change"),
    help: ArgumentHelp(
      "Continues from a checkpoint made with another value of this key; later checkpoints record it.", valueName: "key")
  )
  var allowedChanges: [String] = []

  @Option(help: "The name of one of the model's phases, or all.")
  var phase: String = "all"

  @Option(
    name: [.customLong("max-iterations"), .customLong("stop-after")],
    help: "Stops with a checkpoint after this many iterations, counted over all phases.")
  var maxIterations: Int?

  @Option(help: "A safetensors file, plain or .zst, whose tensors replace initial values of the same names.")
  var initialWeights: String?

  @Option(help: "Records inputs, activations and gradients of the first iterations of each phase.")
  var recordSteps: Int = 0

  @Option(help: "Stops with a checkpoint before this duration is over: seconds, or a text such as 3h50m.")
  var timeLimit: String?

  @Option(help: "Writes a timeline of all ranks, which chrome://tracing and Perfetto open.")
  var trace: String?

  @Option(
    name: [.customLong("inject-fault"), .customLong("drill")],
    help: ArgumentHelp(
      "Injects a fault: kill or stop ends or freezes the rank, nan and flip corrupt its gradient.",
      valueName: "fault:rank:iteration"))
  var faultInjection: String?

  @Flag(help: "Checks the configuration and the data, prints what would be trained, and exits.")
  var dryRun = false

  package init() {}

  package func validate() throws {
    for name in allowedChanges {
      guard let key = ConfigurationKey.named(name) else {
        throw ValidationError(
          "--allow-change \(name): no such key; did you mean \(ConfigurationKey.nearest(to: name))?")
      }
      if key.decidesShapes {
        throw ValidationError(
          "--allow-change \(name): the checkpoint's weights fit its own network; start again with --initial-weights"
        )
      }
    }
    if let maxIterations, maxIterations < 1 {
      throw ValidationError("--max-iterations \(maxIterations): it takes at least 1")
    }
    if let faultInjection, FaultInjection(faultInjection) == nil {
      throw ValidationError("--inject-fault \(faultInjection): it takes a value such as kill:1:20, stop:0:5 or nan:2:3")
    }
    guard recordSteps >= 0 else { throw ValidationError("--record-steps \(recordSteps): it takes 0 or more") }
    if let timeLimit, Duration.seconds(of: timeLimit) == nil {
      throw ValidationError("--time-limit \(timeLimit): it takes seconds, or a text such as 3h50m, 45m or 90s")
    }
  }

  var options: TrainingOptions {
    var options = TrainingOptions(output: output)
    options.resume = resume == "auto" ? .auto : resume == "never" ? .never : .from(resume)
    options.allowedChanges = allowedChanges.map(ConfigurationKey.currentName)
    options.phases = phase == "all" ? nil : [phase]
    options.maxIterations = maxIterations
    options.initialWeights = initialWeights
    options.recordSteps = recordSteps
    options.timeLimit = timeLimit.flatMap(Duration.seconds)
    options.trace = trace
    options.faultInjection = faultInjection.flatMap(FaultInjection.init)
    return options
  }

  package func run() throws {
    Startup.selectBLASKernels()
    Startup.keepFreedMemory()
    let communicator: Communicator
    do { communicator = try Communicator.start() } catch {
      Self.say("dnet-train: \(error)")
      throw ExitCode(1)
    }
    do {
      let configuration = try communicator.rethrowOnAllRanks {
        let configuration = try Configuration(file: config, settings: settings)
        _ = try configuration.phases(named: options.phases)
        return configuration
      }
      if communicator.rank == 0, let notice = configuration.formerNamesNotice { Self.say(notice) }
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
        // All ranks throw this error: one prints it, and all exit in order.
        if communicator.rank == 0 { Self.say("dnet-train: \(text)") }
        try? communicator.finish()
        throw ExitCode(1)
      }
      Self.say("dnet-train: rank \(communicator.rank): \(error)")
      communicator.abort(status: 1)
    }
  }

  /// Returns the message of an error that all ranks throw together; nil for the error of a single rank.
  private static func sharedText(_ error: any Error) -> String? {
    switch error {
    case let error as ClusterError where error.isShared: error.sharedText
    case let error as RunError where error.isShared: error.description
    default: nil
    }
  }

  private static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

extension Train {
  /// Runs the program. A wrong command line is wrong on every rank, and only the first one prints the error.
  package static func start() {
    guard let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"], rank != "0" else { return main() }
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      Foundation.exit(exitCode(for: error).rawValue)
    }
  }
}
