// `--dry-run` under mpirun: what each rank sends in an iteration, and which way each large gradient takes, with the seconds
// that this cluster's links and cores would need for it.
import Cluster
import Compute
import Foundation
import Models

struct CommunicationEstimate {
  /// Lines for people; empty for one rank.
  let lines: [String]

  init(_ configuration: Configuration, _ model: any Model, ranks: Int, speed: FactorChoice.Speed) {
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
    let tree = ShardTree(shards: configuration.shards)
    for phase in configuration.phases {
      let table = model.trained(by: phase).parameters.table
      let choice = configuration.gradientExchangeChoice(table, ranks: ranks, speed: speed)
      let plan = configuration.bucketPlan(table, ranks: ranks, speed: speed)
      let stored = Self.storedBytes(plan, tree)
      let sum = stored + choice.layers.reduce(0) { $0 + $1.bytes[$1.way]! }
      lines.append(
        "\(phase.name): \(plan.buckets.count) buckets; the busiest rank sends \(Self.megabytes(sum)) MB an iteration, "
          + "\(Self.megabytes(stored)) MB of them for layers below 7x7; MB and seconds (sent + computed) of the others by way:"
      )
      lines.append("  " + Self.row("layer", GradientExchange.allCases.map(\.rawValue), "chosen"))
      for layer in choice.layers {
        let cells = GradientExchange.allCases.map { way in
          let (sending, computing) = layer.seconds(way, speed)
          return String(format: "%.1f MB %.3f + %.3f s", Double(layer.bytes[way]!) / 1e6, sending, computing)
        }
        lines.append("  " + Self.row(table.parameters[layer.parameter].layer, cells, layer.way.rawValue))
      }
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

  private static func row(_ name: String, _ cells: [String], _ last: String) -> String {
    ([name.padding(toLength: 26, withPad: " ", startingAt: 0)]
      + cells.map { $0.padding(toLength: max($0.count, 28), withPad: " ", startingAt: 0) } + [last]).joined(
        separator: "  ")
  }
}
