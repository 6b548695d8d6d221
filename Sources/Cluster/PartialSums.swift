// The sums that one rank can make alone: over the maximal nodes of the tree inside its range of shards.
//
// Gradients are held in two ways. Stored ones are the beginning of the flat vector: each shard's arrive in a buffer and
// are added along the canonical tree as soon as two siblings are complete, like carries in a binary counter. Of factored
// ones only the factors are kept; their sums are computed, for the range that is asked for, when all shards are in.
//
// Goals in order: the bits of the tree, little memory, speed.
import Gradients
import Kernels
import Tensors
import Workers

/// Sums of gradients over the maximal tree nodes inside one rank's range of shards.
///
/// For each shard in order: write its gradient to `nextGradient()`, then `commit()`. After the last, `values` gives any
/// range of the sums over `nodes`. `restart()` begins the next minibatch in the same memory.
package final class PartialSums {
  package let tree: ShardTree
  /// This rank's shards.
  package let shards: Range<Int>
  /// Floats of a gradient, stored or not.
  package let count: Int
  /// The maximal nodes of this rank's range, from left to right.
  package let nodes: [ShardTree.Node]

  /// Floats of the vector's beginning that are stored.
  private let storedCount: Int
  private let factors: GradientFactors?
  private let pool: WorkerPool
  private let carries: [Int]
  private var free: [AlignedMemory]
  private var finished: [AlignedMemory] = []
  private var open: AlignedMemory?
  private var nextShard: Int

  /// Floats of one task; additions are elementwise, so no bit depends on it.
  static let taskFloats = 1 << 16

  /// Sums of the gradients of a table's parameters.
  ///
  /// - Parameter rows: of the factors of one shard, where the table has factored gradients.
  package convenience init(tree: ShardTree, shards: Range<Int>, table: ParameterTable, rows: Int, pool: WorkerPool) {
    let isFactored = table.storedCount < table.vectorCount
    self.init(
      tree: tree, shards: shards, count: table.vectorCount, storedCount: table.storedCount,
      factors: isFactored ? GradientFactors(table, rows: rows, carries: tree.carries(in: shards)) : nil, pool: pool)
  }

  /// Sums of vectors that are stored whole.
  package convenience init(tree: ShardTree, shards: Range<Int>, count: Int, pool: WorkerPool) {
    self.init(tree: tree, shards: shards, count: count, storedCount: count, factors: nil, pool: pool)
  }

  private init(
    tree: ShardTree, shards: Range<Int>, count: Int, storedCount: Int, factors: GradientFactors?, pool: WorkerPool
  ) {
    precondition(!shards.isEmpty && shards.lowerBound >= 0 && shards.upperBound <= tree.shards, "shards \(shards)")
    self.tree = tree
    self.shards = shards
    self.count = count
    self.storedCount = storedCount
    self.factors = factors
    self.pool = pool
    nodes = tree.maximalNodes(in: shards)
    carries = tree.carries(in: shards)
    nextShard = shards.lowerBound
    let buffers = Self.buffersNeeded(tree, shards)
    free = (0..<buffers).map { _ in AlignedMemory(floats: storedCount, for: .gradients) }
    free.reserveCapacity(buffers)
    finished.reserveCapacity(buffers)
  }

  /// How many stored gradients are held at the fullest moment: log2(shards) + 1 for a power of two on one rank.
  package static func buffersNeeded(_ tree: ShardTree, _ shards: Range<Int>) -> Int {
    var (waiting, most) = (0, 0)
    for carry in tree.carries(in: shards) {
      most = max(most, waiting + 1)
      waiting += 1 - carry
    }
    return most
  }

  /// Where the gradient of the next shard is to be written. What the memory holds before is undefined.
  package func nextGradient() -> ShardGradient {
    precondition(nextShard < shards.upperBound, "all shards \(shards) are summed: restart() begins the next minibatch")
    if open == nil { open = free.removeLast() }
    return ShardGradient(stored: open!.pointer, factors: factors, shard: nextShard - shards.lowerBound)
  }

  /// Takes the gradient in `nextGradient()` as complete and adds whatever nodes it completes.
  package func commit() {
    guard var memory = open else { preconditionFailure("commit() without a gradient: call nextGradient() first") }
    open = nil
    for _ in 0..<carries[nextShard - shards.lowerBound] {
      let sibling = finished.removeLast()
      add(memory.pointer, into: sibling.pointer)
      free.append(memory)
      memory = sibling
    }
    finished.append(memory)
    nextShard += 1
  }

  /// True when the gradients of all of this rank's shards are in.
  package var isComplete: Bool { nextShard == shards.upperBound }

  /// The values of a range of the vector, summed over each of `nodes`; only when complete.
  ///
  /// - Parameter memory: `nodes.count` times the range's floats, for what is not stored.
  /// - Returns: for each node where its values are: in the stored sums themselves, or in `memory`. They may be changed,
  ///   if the same range is not asked for again.
  package func values(of range: Range<Int>, in memory: UnsafeMutablePointer<Float>) -> [UnsafeMutablePointer<Float>] {
    precondition(isComplete, "shards \(nextShard)..<\(shards.upperBound) have no gradient yet")
    if range.upperBound <= storedCount { return finished.map { $0.pointer + range.lowerBound } }
    let outputs = nodes.indices.map { memory + $0 * range.count }
    let stored = range.clamped(to: 0..<storedCount)
    if !stored.isEmpty {
      for (output, sum) in zip(outputs, finished) { output.update(from: sum.pointer + stored.lowerBound, count: stored.count) }
    }
    factors?.sum(range, into: outputs, pool)
    return outputs
  }

  /// Forgets all sums and begins the next minibatch.
  package func restart() {
    free += finished
    if let open { free.append(open) }
    finished.removeAll(keepingCapacity: true)
    open = nil
    nextShard = shards.lowerBound
  }

  private func add(_ values: UnsafePointer<Float>, into sum: UnsafeMutablePointer<Float>) {
    let count = storedCount
    pool.run((count + Self.taskFloats - 1) / Self.taskFloats) { task, _ in
      let first = task * Self.taskFloats
      VectorSum.add(values + first, into: sum + first, count: min(Self.taskFloats, count - first))
    }
  }
}
