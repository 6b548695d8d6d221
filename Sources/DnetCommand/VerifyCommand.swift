// `dnet verify`: a repetition of logged iterations that finds the first difference.
import ArgumentParser
import Cluster
import Foundation
import Training

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Repeats iterations of a run and names the first one that differs, with its layer and shard.",
    discussion: """
      mpirun -n 4 dnet verify runs/voc12-5 --from 2000 --to 2100

      The weights do not depend on the number of ranks, so any machines can check a range. If the log and the replay \
      differ, either the node that held the shard in the run or the one that holds it now computes wrongly. Losses are \
      compared in every iteration, gradients and weights every verify.every iterations. The replay begins at the \
      newest checkpoint before the range. Exit status: 0 if all iterations agree, 1 on an error, 3 on a difference.
      """)

  @Argument(help: ArgumentHelp("The run directory.", valueName: "run"))
  var directory: String

  @Option(help: "The first iteration, counted over all phases; by default the first of the log.")
  var from: Int?

  @Option(help: "The last iteration; by default the last of the log.")
  var to: Int?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Sets a key that may differ from the run, such as data.root or "
        + "threads.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "A directory for the replay's log, removed at the end; by default beside the run.")
  var scratch: String?

  func run() throws {
    Startup.selectBLASKernels()
    Startup.keepFreedMemory()
    try runCollectively("dnet verify") { communicator in
      let scratch = try communicator.broadcast(scratch ?? "\(directory).verify-\(getpid())", from: 0)
      let result = try Replay(directory, scratch: scratch, communicator).compare(from: from, to: to, settings: settings)
      { say($0) }
      if communicator.rank == 0 {
        print(
          result.difference
            ?? "\(result.iterations) iterations agree with the log, \(result.digests) of them with digests of "
            + "gradients and "
            + "weights"
        )
      }
      if try communicator.anyRank(result.difference != nil) { throw ExitCode(3) }
    }
  }
}
