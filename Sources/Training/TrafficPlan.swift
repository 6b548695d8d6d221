// `--dry-run` under mpirun: what each rank sends in an iteration, and which way each large gradient takes, with the seconds
// that this cluster's links and cores would need for it. The links and cores are measured for a moment.
import Cluster
import Foundation
import Gradients
import Networks
import Tensors
import Workers

struct TrafficPlan {
  /// Lines for people; empty for one rank.
  let lines: [String]

  /// Collective.
  init(_ configuration: Configuration, _ communicator: Communicator) throws {
    guard communicator.size > 1 else {
      lines = []
      return
    }
    let threads = try ThreadShare.threads(configured: configuration.threads, communicator)
    let bandwidth = try Self.bandwidth(communicator)
    let rate = try communicator.allGather([Self.products(threads: threads)]).map { $0[0] }.min()!
    var lines = [
      String(
        format: "traffic: links between neighbours carry %.0f MB/s each way, a rank makes %.1f thousand million multiply-adds/s of factors",
        bandwidth / 1e6, rate / 1e9)
    ]
    let shape = configuration.shape
    let tree = ShardTree(shards: configuration.shards)
    let tables = [shape.classificationParameters(), shape.segmentationParameters()]
    for (phase, table) in zip(Phase.allCases, tables) {
      let choice = FactorChoice(
        table, tree: tree, ranks: communicator.size, rows: configuration.shardSize * shape.scorePixels,
        unfoldings: shape.factorUnfoldings(images: configuration.shardSize), asked: configuration.factorWay)
      let plan = BucketPlan(table, ranks: communicator.size, floats: configuration.bucketFloats, ways: choice.ways)
      let stored = Self.storedBytes(plan, tree)
      let sum = stored + choice.layers.reduce(0) { $0 + $1.bytes[$1.way]! }
      lines.append(
        "\(phase.rawValue): \(plan.buckets.count) buckets; the busiest rank sends \(Self.megabytes(sum)) MB an iteration, "
          + "\(Self.megabytes(stored)) MB of them for layers below 7x7; MB and seconds (sent + computed) of the others by way:")
      lines.append("  " + Self.row("layer", FactorWay.allCases.map(\.rawValue), "chosen"))
      for layer in choice.layers {
        let cells = FactorWay.allCases.map { way in
          String(
            format: "%.1f MB %.3f + %.3f s", Double(layer.bytes[way]!) / 1e6, Double(layer.bytes[way]!) / bandwidth,
            Double(layer.products[way]!) / rate)
        }
        lines.append("  " + Self.row(String(layer.name.dropLast(".weight".count)), cells, layer.way.rawValue))
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
      + cells.map { $0.padding(toLength: max($0.count, 28), withPad: " ", startingAt: 0) } + [last]).joined(separator: "  ")
  }

  /// Bytes a second from each rank to the next while all send at once: the slowest link's, best of three. Collective.
  static func bandwidth(_ communicator: Communicator) throws -> Double {
    let floats = 2 << 20
    let (out, into) = (AlignedMemory(floats: floats), AlignedMemory(floats: floats))
    let (rank, size) = (communicator.rank, communicator.size)
    var best = Double.infinity
    for _ in 0..<3 {
      try communicator.barrier()
      let start = Clock.now
      try communicator.exchange([
        .receive(into.pointer, count: floats, from: (rank + size - 1) % size),
        .send(UnsafePointer(out.pointer), count: floats, to: (rank + 1) % size),
      ])
      best = min(best, Clock.now - start)
    }
    let slowest = try communicator.allGather([best]).map { $0[0] }.max()!
    return Double(4 * floats) / slowest
  }

  /// Multiply-adds a second of this rank in gradients from factors, best of three.
  static func products(threads: Int) -> Double {
    let (rows, height, width) = (64, 768, 4096)
    let table = ParameterTable([Parameter("probe.layer.weight", [height, width], .weight, gradient: .factored)])
    let pool = WorkerPool(threads: threads)
    let factors = GradientFactors(table, rows: rows, carries: [0, 1])
    let (left, right) = (AlignedMemory(floats: rows * height), AlignedMemory(floats: rows * width))
    for shard in 0..<2 {
      factors.store("probe.layer.weight", left: left.pointer, right: right.pointer, shard: shard, pool)
    }
    let output = AlignedMemory(floats: table.vectorCount)
    var best = Double.infinity
    for _ in 0..<3 {
      let start = Clock.now
      factors.sum(0..<table.vectorCount, into: [output.pointer], pool)
      best = min(best, Clock.now - start)
    }
    return Double(2 * rows * height * width) / best
  }
}
