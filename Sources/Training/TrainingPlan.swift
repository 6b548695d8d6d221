// `--dry-run`: what a configuration would train, with the data checked and nothing written.
import Cluster
import Networks
import Workers

package struct TrainingPlan {
  package let text: String

  /// Reads the lists and masks; throws what training would throw about them.
  package init(_ configuration: Configuration, ranks: Int) throws {
    let shape = configuration.shape
    let tree = ShardTree(shards: configuration.shards)
    try tree.requireWork(forRanks: ranks)
    let data = try TrainingData(configuration, workers: WorkerPool(threads: AvailableCores.count))
    let tables = [shape.classificationParameters(), shape.segmentationParameters()]
    var lines = [
      configuration.yaml,
      "data: \(data.summary)",
      "crops: \(try Self.crops(configuration, data))",
      "network: input \(shape.inputSize), fc6 kernel \(shape.fc6Kernel), score map \(shape.scoreSize) x \(shape.scoreSize)",
    ]
    for (phase, table) in zip(Phase.allCases, tables) {
      let settings = configuration.settings(of: phase)
      let own = tree.range(of: 0, ranks: ranks)
      let buffers = PartialSums.buffersNeeded(tree, own)
      let megabytes = (table.vectorCount * 4 * (1 + buffers)) >> 20
      lines.append(
        "\(phase.rawValue): \(settings.iterations) iterations of \(configuration.shards * configuration.shardSize), "
          + "\(table.scalarCount) parameters; rank 0 holds shards \(own) and \(megabytes) MB of weights and gradient sums")
    }
    text = lines.joined(separator: "\n")
  }

  private static func crops(_ configuration: Configuration, _ data: TrainingData) throws -> String {
    switch configuration.proposals {
    case "random": "a random box for every example"
    case "edgeboxes": "made at the start: \(try StrongCrops.job(configuration, data).count.text)"
    default: "\(try StrongCrops.select(try StrongCrops.list(configuration.proposals, data.store), configuration, data).count) of \(configuration.proposals)"
    }
  }
}
