// dnet: every command but training. Each subcommand reads its arguments and calls one function of a library target.
import ArgumentParser
import Foundation
import Training

@main
struct Dnet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dnet", abstract: "Data, evaluation, prediction, models and measurements for DecoupledNet.",
    version: Version.text,
    subcommands: [
      DataCommand.self, EvaluateCommand.self, PredictCommand.self, ModelCommand.self, VerifyCommand.self,
      BenchCommand.self,
      DoctorCommand.self,
    ])

  static func main() {
    Startup.settleArithmetic()
    // A wrong command line is wrong on every rank: the first one says so.
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

/// A line for the person at the terminal, apart from what a command prints as its result.
func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

/// A line that renews itself on a terminal and is not written elsewhere.
func showProgress(_ text: String, isLast: Bool) {
  guard isatty(STDERR_FILENO) == 1 else { return }
  FileHandle.standardError.write(Data(("\r" + text + (isLast ? "\n" : "")).utf8))
}
