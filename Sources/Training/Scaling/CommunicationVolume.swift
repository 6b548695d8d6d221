// What each rank sends in an iteration, to the byte: the formula that measured bytes are held against, and the loads of the
// scaling model. It follows from the configuration and the number of ranks; TCP's own bytes come on top.
import Cluster
import Compute
import Models

package struct CommunicationVolume: Sendable {
  package let plan: BucketPlan
  package let tree: ShardTree
  package let phase: PhaseSpec
  /// Rows of one shard's factors.
  package let rows: Int
  /// Bytes of one shard's factors as they travel, by parameter.
  package let factorBytes: [Int: Int]
  /// Bytes of a rank's words to one other rank.
  package let reportBytes: Int
  package var ranks: Int { plan.ranks }

  /// - Parameter speed: of the cluster; what large gradients do depends on it.
  package init(_ phase: PhaseSpec, _ configuration: Configuration, ranks: Int, speed: FactorChoice.Speed?) {
    let table = configuration.makeModel().trained(by: phase).parameters.table
    let tree = ShardTree(shards: configuration.shards)
    let rows = table.factorRows(images: configuration.shardSize)
    let unfoldings = table.factorUnfoldings(images: configuration.shardSize)
    plan = configuration.bucketPlan(table, ranks: ranks, speed: speed)
    (self.phase, self.tree, self.rows) = (phase, tree, rows)
    factorBytes = Dictionary(
      uniqueKeysWithValues: plan.exchanged.map { index in
        let parameter = table.parameters[index]
        let (height, width) = (parameter.shape[0], parameter.shape.dropFirst().reduce(1, *))
        return (index, 4 * (rows * height + (unfoldings[parameter.name]?.mapFloats ?? rows * width)))
      })
    reportBytes = 8 * IterationReport.count(shards: tree.range(of: 0, ranks: ranks).count)
  }

  /// Shards of a rank.
  package func shards(of rank: Int) -> Int { tree.range(of: rank, ranks: ranks).count }

  /// Bytes of a bucket's gradient sums that a rank sends to the others.
  package func gradientBytes(_ bucket: BucketPlan.Bucket, from rank: Int) -> Int {
    guard bucket.way == nil || bucket.way == .sums else { return 0 }
    let nodes = tree.maximalNodes(in: tree.range(of: rank, ranks: ranks)).count
    return 4 * nodes * (bucket.range.count - bucket.slices[rank].count)
  }

  /// Bytes of a bucket's new weights that a rank sends to the others.
  package func weightBytes(_ bucket: BucketPlan.Bucket, from rank: Int) -> Int {
    bucket.way == .replicas ? 0 : 4 * bucket.slices[rank].count * (ranks - 1)
  }

  /// Bytes that a rank sends in an iteration.
  package func sent(by rank: Int) -> Int {
    plan.buckets.reduce(0) { $0 + gradientBytes($1, from: rank) + weightBytes($1, from: rank) }
      + factorBytes.values.reduce(0) { $0 + $1 * shards(of: rank) * (ranks - 1) } + reportBytes * (ranks - 1)
  }

  /// The rank that sends most.
  package var busiest: Int { (0..<ranks).max { (sent(by: $0), $1) < (sent(by: $1), $0) }! }

  /// Bytes of momentum that a rank holds.
  package func momentumBytes(of rank: Int) -> Int { 4 * plan.owned[rank].reduce(0) { $0 + $1.count } }
}
