// The gathering of the batch-norm means and variances that inference uses, at the end of a phase or later for a
// checkpoint from within a phase.
import Batches
import Cluster
import Models

enum StatisticsGathering {
  /// Sets `step.statistics` to means and biased variances, averaged over `batchNormalization.calibrationShards` shards
  /// of training examples with the current weights (docs/reference.md section 2, "Folding": 101 passes, plain
  /// averages). The examples are those after the iterations that are done. The shards are assigned to ranks and summed
  /// like those of a minibatch. Collective.
  ///
  /// - Parameter progress: called with the number of this rank's shards that are done, and of all of them.
  static func gather(
    _ step: any TrainingStep, from source: any BatchSource, after iterations: Int, configuration: Configuration,
    communicator: Communicator, progress: (Int, Int) -> Void = { _, _ in }
  ) throws {
    let vector = step.statistics
    guard vector.table.vectorCount > 0 else { return }
    let tree = ShardTree(shards: configuration.calibrationShards)
    let own = tree.rangeOrNone(of: communicator.rank, ranks: communicator.size)
    let batch = ShardBatch(
      examples: configuration.shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes)
    var gathered: [[Float]] = []
    try communicator.rethrowOnAllRanks {
      for shard in own {
        let (round, place) = shard.quotientAndRemainder(dividingBy: configuration.shards)
        for example in 0..<configuration.shardSize {
          try source.fill(
            batch, example: example, iteration: iterations + round, slot: place * configuration.shardSize + example)
        }
        step.gatherStatistics(batch, into: vector)
        gathered.append(Array(vector.memory.buffer))
        progress(gathered.count, own.count)
      }
    }
    let sums = try communicator.sumOverShards(gathered, tree: tree, count: vector.table.vectorCount)
    for index in 0..<vector.table.vectorCount {
      vector.pointer[index] = Float(sums[index] / Double(tree.shards))
    }
  }
}
