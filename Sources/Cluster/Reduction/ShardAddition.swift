// The additions that join the sums of several ranks into the sum over all shards.
import Compute
import Kernels

enum ShardAddition {
  /// Carries out `additions` on vectors of `count` floats; each task does all of them for its elements.
  static func add(
    _ values: [UnsafeMutablePointer<Float>], count: Int, _ additions: [(into: Int, from: Int)], _ pool: WorkerPool
  ) {
    guard !additions.isEmpty else { return }
    let taskFloats = 1 << 13
    pool.run((count + taskFloats - 1) / taskFloats) { task, _ in
      let first = task * taskFloats
      let floats = min(taskFloats, count - first)
      for (into, from) in additions { VectorSum.add(values[from] + first, into: values[into] + first, count: floats) }
    }
  }
}
