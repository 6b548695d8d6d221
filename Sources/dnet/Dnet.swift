// dnet: all commands except training. Each subcommand reads its arguments and calls a function of a library target.
import ArgumentParser
import Foundation
import Training

@main
struct Dnet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dnet",
    abstract: "Prepares data, evaluates and inspects models, predicts masks, verifies runs, measures speed.",
    version: Version.text,
    subcommands: [
      DataCommand.self, EvaluateCommand.self, PredictCommand.self, ModelCommand.self, VerifyCommand.self,
      BenchCommand.self, DoctorCommand.self,
    ])

  static func main() {
    Startup.selectBLASKernels()
    // A wrong command line is wrong on every rank; only the first one prints the error.
    let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"]
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch  where rank != nil && rank != "0" {
      Foundation.exit(exitCode(for: error).rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

/// Prints a message to standard error; standard output is for a command's results.
func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

/// Redraws the progress line if standard error is a terminal; otherwise does nothing.
func showProgress(_ text: String, isLast: Bool) {
  guard isatty(STDERR_FILENO) == 1 else { return }
  FileHandle.standardError.write(Data(("\r" + text + (isLast ? "\n" : "")).utf8))
}
