// The measurement of a cluster's speed at the start of a run. The exchange of large gradients and the window of queued
// messages follow from it.
import Cluster
import Compute
import Foundation
import Support

extension ClusterSpeed {
  /// Measures the speed of the slowest rank and link; returns the same figures on every rank. Collective; takes a
  /// quarter of a second on a link of 1 Gbit/s.
  package static func measure(_ communicator: Communicator, threads: Int) throws -> ClusterSpeed {
    let rates = try communicator.allGather([multiplyAddRate(threads: threads)])
    return ClusterSpeed(bandwidth: try bandwidth(communicator), multiplyAddRate: rates.map { $0[0] }.min()!)
  }

  /// Returns the slowest link's bytes per second from each rank to the next while all send at once, best of three;
  /// infinite for a single rank. Collective.
  static func bandwidth(_ communicator: Communicator) throws -> Double {
    guard communicator.size > 1 else { return .infinity }
    let floats = 2 << 20
    let (out, into) = (AlignedMemory(floats: floats), AlignedMemory(floats: floats))
    let (rank, size) = (communicator.rank, communicator.size)
    var best = Double.infinity
    for _ in 0..<3 {
      try communicator.barrier()
      let start = MonotonicClock.now
      try communicator.exchange([
        .receive(into.pointer, count: floats, from: (rank + size - 1) % size),
        .send(UnsafePointer(out.pointer), count: floats, to: (rank + 1) % size),
      ])
      best = min(best, MonotonicClock.now - start)
    }
    let slowest = try communicator.allGather([best]).map { $0[0] }.max()!
    return Double(4 * floats) / slowest
  }

  /// Returns this rank's multiply-adds per second in gradients computed from factors, best of three.
  static func multiplyAddRate(threads: Int) -> Double {
    let (rows, height, width) = (64, 768, 4096)
    let table = ParameterTable([ParameterSpec("probe.layer.weight", [height, width], .weight, gradient: .factored)])
    let pool = WorkerPool(threads: threads)
    let factors = GradientFactors(table, rows: rows, pendingMerges: [0, 1])
    let (left, right) = (AlignedMemory(floats: rows * height), AlignedMemory(floats: rows * width))
    for shard in 0..<2 {
      factors.store("probe.layer.weight", left: left.pointer, right: right.pointer, shard: shard, pool)
    }
    let output = AlignedMemory(floats: table.vectorCount)
    var best = Double.infinity
    for _ in 0..<3 {
      let start = MonotonicClock.now
      factors.sum(0..<table.vectorCount, into: [output.pointer], pool)
      best = min(best, MonotonicClock.now - start)
    }
    return Double(2 * rows * height * width) / best
  }
}
