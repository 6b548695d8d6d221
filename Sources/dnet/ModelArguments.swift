// A model on the command line: a file, a run, or a checkpoint whose statistics are gathered first, by all ranks together.
import ArgumentParser
import Cluster
import Foundation
import Models
import Training
import Compute

struct ModelArguments: ParsableArguments {
  @Argument(help: ArgumentHelp("A model.safetensors.zst, a checkpoint's directory or a run's.", valueName: "model"))
  var path: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Where the training data is now, such as data.root=FOLDER: for a checkpoint from within a phase, whose batch-norm "
        + "statistics are gathered first.", valueName: "key.path=value"))
  var settings: [String] = []

  /// The network of a source. Collective where it needs statistics, for which there must be a communicator.
  func load(
    _ source: ModelSource, _ communicator: Communicator?, threads: Int, isFirst: Bool = true
  ) throws -> any Model {
    try CheckpointModel.load(
      source, settings: settings, communicator: communicator, threads: threads, say: { if isFirst { say($0) } }
    ) { done, all in
      if isFirst { showProgress("\(100 * done / all)% of the statistics", isLast: done == all) }
    }
  }

  /// Runs `body` with the network of a source. Ranks are asked for only where there are statistics to gather: a model file
  /// needs no MPI. An error of `body` on one rank ends all.
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
