// What this cluster's links and cores give, measured for a moment at the start: the ways of large gradients follow from it, and how
// many new weights travel at once.
import Cluster
import Compute
import Foundation

extension FactorChoice.Speed {
  /// The slowest of all ranks, the same figures everywhere; sets the communicator's window. Collective; a quarter of a second
  /// on a link of 1 Gbit/s.
  static func measure(_ communicator: Communicator, threads: Int) throws -> Self {
    let products = try communicator.allGather([products(threads: threads)]).map { $0[0] }.min()!
    let speed = Self(bandwidth: try bandwidth(communicator), products: products)
    // Enough for the link to be busy from one look at the messages to the next, a few milliseconds. What is beyond that would
    // only take the link from what is needed first.
    if communicator.size > 1 { communicator.window = max(Int(speed.bandwidth * 20e-3), 1 << 20) }
    return speed
  }

  /// Bytes a second from each rank to the next while all send at once: the slowest link's, best of three; infinite for one
  /// rank. Collective.
  static func bandwidth(_ communicator: Communicator) throws -> Double {
    guard communicator.size > 1 else { return .infinity }
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
    let table = ParameterTable([ParameterSpec("probe.layer.weight", [height, width], .weight, gradient: .factored)])
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
