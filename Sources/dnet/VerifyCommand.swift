import ArgumentParser
import Cluster
import Foundation
import Training

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Computes iterations of a run again and names the first that comes out otherwise, then layer and shard.",
    discussion: """
      mpirun -n 4 dnet verify runs/voc12-5 --from 2000 --to 2100

      The weights do not depend on the number of ranks, so a range can be checked on any machines: where the log and the \
      replay differ, the node that held the shard then, or the one that holds it now, computes wrongly. Every iteration's \
      losses are compared, and gradients and weights each verify.every iterations. Begins at the newest checkpoint before the \
      range. Exit status: 0 all agree, 1 an error, 3 a difference.
      """)

  @Argument(help: ArgumentHelp("The run's directory.", valueName: "run"))
  var directory: String

  @Option(help: "The first iteration, counted over both phases; the first of the log if not given.")
  var from: Int?

  @Option(help: "The last iteration; the last of the log if not given.")
  var to: Int?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("What may differ from the run, such as data.root or threads.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "A folder for the replay's log, removed at the end; beside the run if not given.")
  var scratch: String?

  func run() throws {
    Startup.settleArithmetic()
    Startup.keepMemory()
    try runCollectively("dnet verify") { communicator in
      let scratch = try communicator.broadcast(scratch ?? "\(directory).verify-\(getpid())", from: 0)
      let result = try Replay(directory, scratch: scratch, communicator).compare(from: from, to: to, settings: settings)
      { say($0) }
      if communicator.rank == 0 {
        print(
          result.difference
            ?? "\(result.iterations) iterations agree with the log, \(result.digests) of them with digests of gradients and weights"
        )
      }
      if try communicator.anyRank(result.difference != nil) { throw ExitCode(3) }
    }
  }
}
