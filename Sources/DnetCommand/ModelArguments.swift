// The command-line arguments that name a model: a file, a run or a checkpoint.
import ArgumentParser
import Cluster
import Compute
import Foundation
import Models
import Training

struct ModelArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A model.safetensors.zst, a checkpoint directory or a run "
        + "directory.", valueName: "model"))
  var path: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "The location of the training data, such as data.root=FOLDER. Only a checkpoint from within a phase needs it, "
        + "because its batch-norm statistics are gathered first.", valueName: "key.path=value"))
  var settings: [String] = []

  /// Loads the network of a source. Collective if the source needs statistics; a communicator is then required.
  func load(
    _ source: ModelSource, _ communicator: Communicator?, threads: Int, isFirst: Bool = true
  ) throws -> any Model {
    try CheckpointModel.load(
      source, settings: settings, communicator: communicator, threads: threads, say: { if isFirst { say($0) } }
    ) { done, all in
      if isFirst { showProgress("\(100 * done / all)% of the statistics", isLast: done == all) }
    }
  }

  /// Runs `body` with the network of a source. MPI is started only if statistics must be gathered. An error of `body`
  /// on one rank ends the command on all.
  func withNetwork(
    _ source: ModelSource, _ command: String, threads: Int,
    _ body: (_ net: any Model, _ threads: Int, _ isFirst: Bool) throws -> Void
  ) throws {
    guard source.needsStatistics else {
      return try body(try load(source, nil, threads: threads), threads > 0 ? threads : AvailableCores.count, true)
    }
    try runCollectively(command) { communicator in
      let threads = try ThreadShare.threads(configured: threads, communicator)
      let net = try load(source, communicator, threads: threads, isFirst: communicator.rank == 0)
      try communicator.rethrowOnAllRanks { try body(net, threads, communicator.rank == 0) }
    }
  }
}
