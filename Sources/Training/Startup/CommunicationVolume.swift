// The bytes that each rank sends in an iteration, exactly: the formula that measured bytes are compared with, and the
// load of the scaling model. They follow from the configuration and the number of ranks; TCP's own bytes are not
// included.
import Cluster
import Compute
import Models

package struct CommunicationVolume: Sendable {
  package let choice: GradientExchangeChoice
  package let plan: BucketPlan
  package let tree: ShardTree
  package let phase: PhaseSpec
  /// Bytes of one shard's factors as they are sent, by parameter.
  package let factorBytes: [Int: Int]
  /// Bytes of a rank's report to one other rank.
  package let reportBytes: Int
  package var ranks: Int { plan.ranks }

  /// - Parameter speed: The cluster's speed, which the exchange of large gradients depends on.
  package init(_ phase: PhaseSpec, _ configuration: Configuration, ranks: Int, speed: ClusterSpeed?) {
    let table = configuration.makeModel().trained(by: phase).parameters.table
    let tree = ShardTree(shards: configuration.shards)
    let rows = table.factorRows(images: configuration.shardSize)
    let unfoldings = table.factorUnfoldings(images: configuration.shardSize)
    choice = configuration.gradientExchangeChoice(table, ranks: ranks, speed: speed)
    plan = configuration.bucketPlan(table, ranks: ranks, speed: speed)
    self.phase = phase
    self.tree = tree
    factorBytes = Dictionary(
      uniqueKeysWithValues: plan.exchanged.map { index in
        let parameter = table.parameters[index]
        let (height, width) = (parameter.shape[0], parameter.shape.dropFirst().reduce(1, *))
        return (index, 4 * (rows * height + (unfoldings[parameter.name]?.mapFloats ?? rows * width)))
      })
    reportBytes = 8 * IterationReport.count(shards: tree.range(of: 0, ranks: ranks).count)
  }

  /// Returns the number of a rank's shards.
  package func shards(of rank: Int) -> Int { tree.range(of: rank, ranks: ranks).count }

  /// Returns the bytes of a bucket's gradient sums that a rank sends to the others.
  package func gradientBytes(_ bucket: BucketPlan.Bucket, from rank: Int) -> Int {
    guard bucket.exchange == nil || bucket.exchange == .sums else { return 0 }
    let nodes = tree.maximalNodes(in: tree.range(of: rank, ranks: ranks)).count
    return 4 * nodes * (bucket.range.count - bucket.slices[rank].count)
  }

  /// Returns the bytes of a bucket's new weights that a rank sends to the others.
  package func weightBytes(_ bucket: BucketPlan.Bucket, from rank: Int) -> Int {
    bucket.exchange == .replicas ? 0 : 4 * bucket.slices[rank].count * (ranks - 1)
  }

  /// Returns the bytes of stored gradients and their new weights that a rank sends in an iteration.
  package func storedBytes(from rank: Int) -> Int {
    plan.buckets.filter { $0.exchange == nil }.reduce(0) {
      $0 + gradientBytes($1, from: rank) + weightBytes($1, from: rank)
    }
  }

  /// Returns the bytes that a rank sends in an iteration.
  package func sent(by rank: Int) -> Int {
    plan.buckets.reduce(0) { $0 + gradientBytes($1, from: rank) + weightBytes($1, from: rank) }
      + factorBytes.values.reduce(0) { $0 + $1 * shards(of: rank) * (ranks - 1) } + reportBytes * (ranks - 1)
  }

  /// The rank that sends most.
  package var busiest: Int { (0..<ranks).max { (sent(by: $0), $1) < (sent(by: $1), $0) }! }

  /// Returns the bytes of momentum that a rank holds.
  package func momentumBytes(of rank: Int) -> Int { 4 * plan.owned[rank].reduce(0) { $0 + $1.count } }
}
