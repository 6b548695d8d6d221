// The plan that `--dry-run` prints: a configuration's phases and their memory. It checks the data and writes nothing.
import Cluster
import Compute
import Models

package struct TrainingPlan {
  package let text: String

  /// Reads the lists and masks and throws the errors that training would throw, on all ranks alike. Collective.
  package init(_ configuration: Configuration, _ communicator: Communicator) throws {
    let shape = configuration.shape
    let tree = ShardTree(shards: configuration.shards)
    try communicator.rethrowOnAllRanks { try tree.requireWork(forRanks: communicator.size) }
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    let speed = try ClusterSpeed.measure(communicator, threads: threads)
    let (data, plans) = try communicator.rethrowOnAllRanks {
      let data = try TrainingData(configuration, workers: WorkerPool(threads: AvailableCores.count))
      let plans = try configuration.phases.map {
        try MemoryPlan($0, configuration: configuration, data: data, communicator: communicator, speed: speed)
      }
      return (data, plans)
    }
    let model = configuration.makeModel()
    var lines = [
      configuration.yaml,
      "data: \(data.summary)",
      "crops: \(try communicator.rethrowOnAllRanks { try Self.crops(configuration, data) })",
    ]
    lines += model.groups.map { group in
      let billions = Double(group.layers.multiplyAdds) / 1e9
      return String(
        format: "network: %@, %d x %d, %@: %d layers, %.2f thousand million multiply-adds an image",
        type(of: model).name,
        shape.inputSize, shape.inputSize, group.name, group.layers.specs.count, billions)
    }
    for (phase, plan) in zip(configuration.phases, plans) {
      let columns = try communicator.allGather(plan.rows.map(\.bytes))
      lines.append(
        "\(phase.name): \(configuration.settings(of: phase).iterations) iterations of "
          + "\(configuration.shards * configuration.shardSize), "
          + "\(model.trained(by: phase).parameters.table.scalarCount) parameters; memory in MiB"
          + (communicator.size > 1 ? ", ranks 0...\(communicator.size - 1):" : ":"))
      lines += MemoryPlan.table(columns, names: plan.rows.map(\.name))
    }
    lines += CommunicationEstimate(configuration, ranks: communicator.size, speed: speed).lines
    text = lines.joined(separator: "\n")
  }

  private static func crops(_ configuration: Configuration, _ data: TrainingData) throws -> String {
    switch configuration.proposals {
    case "random": "a random box for every example"
    case "edgeboxes": "made at the start: \(try CropListProvider.job(configuration, data).count.text)"
    default:
      try "\(filteredCrops(configuration, data)) of \(configuration.proposals)"
    }
  }

  /// The number of crops of the configured list that training uses.
  private static func filteredCrops(_ configuration: Configuration, _ data: TrainingData) throws -> Int {
    let list = try CropListProvider.list(configuration.proposals, data.store)
    return try CropListProvider.filter(list, configuration, data).count
  }
}
