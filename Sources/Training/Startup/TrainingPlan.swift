// `--dry-run`: what a configuration would train and the memory that it takes, with the data checked and nothing written.
import Cluster
import Networks
import Compute

package struct TrainingPlan {
  package let text: String

  /// Reads the lists and masks; throws what training would throw about them, alike on all ranks. Collective.
  package init(_ configuration: Configuration, _ communicator: Communicator) throws {
    let shape = configuration.shape
    let tree = ShardTree(shards: configuration.shards)
    try communicator.rethrowOnAllRanks { try tree.requireWork(forRanks: communicator.size) }
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    let speed = try FactorChoice.Speed.measure(communicator, threads: threads)
    let (data, plans) = try communicator.rethrowOnAllRanks {
      let data = try TrainingData(configuration, workers: WorkerPool(threads: AvailableCores.count))
      return (data, try Phase.allCases.map { try MemoryPlan($0, configuration, data, communicator, speed: speed) })
    }
    let tables = [shape.classificationParameters(), shape.segmentationParameters()]
    var lines = [
      configuration.yaml,
      "data: \(data.summary)",
      "crops: \(try communicator.rethrowOnAllRanks { try Self.crops(configuration, data) })",
      "network: input \(shape.inputSize), fc6 kernel \(shape.fc6Kernel), score map \(shape.scoreSize) x \(shape.scoreSize)",
    ]
    for (index, phase) in Phase.allCases.enumerated() {
      let settings = configuration.settings(of: phase)
      let columns = try communicator.allGather(plans[index].rows.map(\.bytes))
      lines.append(
        "\(phase.rawValue): \(settings.iterations) iterations of \(configuration.shards * configuration.shardSize), "
          + "\(tables[index].scalarCount) parameters; memory in MiB"
          + (communicator.size > 1 ? ", ranks 0...\(communicator.size - 1):" : ":"))
      lines += MemoryPlan.table(columns, names: plans[index].rows.map(\.name))
    }
    lines += CommunicationEstimate(configuration, ranks: communicator.size, speed: speed).lines
    text = lines.joined(separator: "\n")
  }

  private static func crops(_ configuration: Configuration, _ data: TrainingData) throws -> String {
    switch configuration.proposals {
    case "random": "a random box for every example"
    case "edgeboxes": "made at the start: \(try CropListProvider.job(configuration, data).count.text)"
    default:
      "\(try CropListProvider.filter(try CropListProvider.list(configuration.proposals, data.store), configuration, data).count) of \(configuration.proposals)"
    }
  }
}
