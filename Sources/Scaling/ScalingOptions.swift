// The options of `dnet bench --scaling`.
import Models
import Training

package struct ScalingOptions: Sendable {
  package var configuration: Configuration
  package var phases: [PhaseSpec]
  /// The number of measured iterations, after three that are not measured.
  package var iterations: Int
  package var trace: String?
  /// Numbers of nodes to predict; empty for no prediction.
  package var nodes: [Int] = []
  /// Link rates in Gbit/s to predict.
  package var gigabits: [Double] = []

  /// - Parameters:
  ///   - isWeak: Takes `shards` as the shards of one rank, not of all.
  ///   - settings: Further `key=value` of the configuration, such as cluster.bucketMegabytes=4.
  package init(
    model: String, width: Double, size: Int, batchNormalization: Bool, threads: Int, shards: Int, shardSize: Int,
    phases: [String]?,
    iterations: Int, isWeak: Bool, ranks: Int, settings: [String]
  ) throws {
    // The tiny learning rate leaves the weights nearly unchanged, so that no step meets values that training would not.
    let own = [
      "data.root=none", "network.model=\(model)", "network.width=\(width)", "network.inputSize=\(size)",
      "network.batchNormalization=\(batchNormalization)",
      "network.initialization=he", "threads=\(threads)", "minibatch.shards=\(isWeak ? shards * ranks : shards)",
      "minibatch.shardSize=\(shardSize)",
    ]
    let rates = try Configuration(yaml: "{}", settings: own + settings).phases.map {
      "\($0.name).learningRate.base=1e-9"
    }
    configuration = try Configuration(yaml: "{}", settings: own + rates + settings)
    self.phases = try configuration.phases(named: phases)
    self.iterations = iterations
  }
}
