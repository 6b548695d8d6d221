// `--dry-run` under mpirun: what each rank sends in an iteration, and which way each large gradient takes, with the seconds
// that this cluster's links and cores would need for it.
import Cluster
import Foundation
import Compute
import Networks
import Support

struct CommunicationEstimate {
  /// Lines for people; empty for one rank.
  let lines: [String]

  init(_ configuration: Configuration, ranks: Int, speed: FactorChoice.Speed) {
    guard ranks > 1 else {
      lines = []
      return
    }
    var lines = [
      String(
        format:
          "traffic: links between neighbours carry %.0f MB/s each way, a rank makes %.1f thousand million multiply-adds/s of factors",
        speed.bandwidth / 1e6, speed.products / 1e9)
    ]
    let shape = configuration.shape
    let tree = ShardTree(shards: configuration.shards)
    let tables = [shape.classificationParameters(), shape.segmentationParameters()]
    for (phase, table) in zip(Phase.allCases, tables) {
      let choice = FactorChoice(
        table, tree: tree, ranks: ranks, rows: configuration.shardSize * shape.scorePixels,
        unfoldings: shape.factorUnfoldings(images: configuration.shardSize), asked: configuration.gradientExchange,
        speed: speed)
      let plan = configuration.bucketPlan(table, ranks: ranks, choice.ways)
      let stored = Self.storedBytes(plan, tree)
      let sum = stored + choice.layers.reduce(0) { $0 + $1.bytes[$1.way]! }
      lines.append(
        "\(phase.rawValue): \(plan.buckets.count) buckets; the busiest rank sends \(Self.megabytes(sum)) MB an iteration, "
          + "\(Self.megabytes(stored)) MB of them for layers below 7x7; MB and seconds (sent + computed) of the others by way:"
      )
      var rows = [["layer"] + GradientExchange.allCases.map(\.rawValue) + ["chosen"]]
      for layer in choice.layers {
        let cells = GradientExchange.allCases.map { way in
          let (sending, computing) = layer.seconds(way, speed)
          return String(format: "%.1f MB %.3f + %.3f s", Double(layer.bytes[way]!) / 1e6, sending, computing)
        }
        rows.append([String(layer.name.dropLast(".weight".count))] + cells + [layer.way.rawValue])
      }
      lines += TextTable.lines(rows, columns: [.left], indent: 2)
    }
    self.lines = lines
  }

  /// Bytes that the busiest rank sends for stored gradients and their weights.
  static func storedBytes(_ plan: BucketPlan, _ tree: ShardTree) -> Int {
    (0..<plan.ranks).map { rank in
      let nodes = tree.maximalNodes(in: tree.range(of: rank, ranks: plan.ranks)).count
      return plan.buckets.filter { $0.way == nil }.reduce(0) { sum, bucket in
        let own = bucket.slices[rank].count
        return sum + 4 * (nodes * (bucket.range.count - own) + own * (plan.ranks - 1))
      }
    }.max() ?? 0
  }

  private static func megabytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }
}
