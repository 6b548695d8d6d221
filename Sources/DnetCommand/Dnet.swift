// dnet: all commands except training. Each subcommand reads its arguments and calls a function of a library target. The
// commands are a library themselves, so that a program can register further models before it calls `Dnet.start()`.
import ArgumentParser
import Foundation
import Support
import Training

package struct Dnet: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "dnet",
    abstract: "Prepares data, evaluates and inspects models, predicts masks, verifies runs, measures speed.",
    version: Version.text,
    subcommands: [
      DataCommand.self, EvaluateCommand.self, PredictCommand.self, ModelCommand.self, VerifyCommand.self,
      BenchCommand.self, DoctorCommand.self,
    ])

  package init() {}

  /// Runs the program, by default with the arguments of the process.
  package static func start(_ arguments: [String]? = nil) {
    Startup.selectBLASKernels()
    // A wrong command line is wrong on every rank; only the first one prints the error.
    let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"]
    do {
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch  where rank != nil && rank != "0" {
      Foundation.exit(exitCode(for: error).rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

/// The messages of a command on standard error, apart from its result on standard output.
private let display = ProgressDisplay()

/// Prints a message.
func say(_ text: String) { display.say(text) }

/// Replaces the progress line, which is shown only on a terminal.
func showProgress(_ text: String, isLast: Bool) {
  display.show(text)
  if isLast { display.finish() }
}
