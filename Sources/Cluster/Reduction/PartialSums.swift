// The gradient sums that one rank can compute alone: over the maximal nodes of the tree inside its range of shards.
//
// Gradients are held in two forms. Stored ones are the beginning of the flat vector: each shard's are written to a
// buffer and added along the canonical tree as soon as two siblings are complete, like carries in a binary counter. Of
// factored ones only the factors are kept; their sums are computed, for the requested range, when all shards
// are complete.
//
// Goals in order: the bits of the tree, little memory, speed.
import Compute
import Kernels

/// Sums of gradients over the maximal tree nodes inside one rank's range of shards.
///
/// For each shard in order: `beginShard()`, write its gradient to `currentGradient`, then `commit()`. After the last,
/// `values` returns any range of the sums over `nodes`. `restart()` begins the next minibatch in the same memory. The
/// last shard may also be added in parts, each as soon as its range of the gradient is written: `complete(range)`,
/// `values`, and `commit()` at the end.
package final class PartialSums {
  package let tree: ShardTree
  /// This rank's shards.
  package let shards: Range<Int>
  /// Floats of a gradient, stored or not.
  package let count: Int
  /// The maximal nodes of this rank's range, from left to right.
  package let nodes: [ShardTree.Node]

  /// The length of the vector's beginning that is stored.
  private let storedCount: Int
  let factors: GradientFactors?
  private let pool: WorkerPool
  /// For each shard the number of finished sums that it is merged into.
  private let merges: [Int]
  private var free: [AlignedMemory]
  private var finished: [AlignedMemory] = []
  private var open: AlignedMemory?
  private var nextShard: Int
  /// Ranges of the last shard that have been added.
  private var completed: [Range<Int>] = []
  /// The first stored gradient with a NaN, an infinity or a value beyond `Magnitude.limit`.
  private var nonFiniteStored: (shard: Int, offset: Int)?
  private let largest: UnsafeMutablePointer<Float>

  /// The floats of one task; additions are elementwise, so no bit depends on it.
  static let taskFloats = 1 << 16

  /// Creates sums of the gradients of a table's parameters.
  ///
  /// - Parameters:
  ///   - rows: The rows of one shard's factors, where the table has factored gradients.
  ///   - exchanged: Parameters whose factors the ranks exchange.
  ///   - unfoldings: As in `GradientFactors.Exchange`.
  package convenience init(
    tree: ShardTree, shards: Range<Int>, table: ParameterTable, rows: Int, exchanged: Set<Int> = [],
    unfoldings: [String: Im2Col] = [:], pool: WorkerPool
  ) {
    let isFactored = table.storedCount < table.vectorCount
    let exchange =
      exchanged.isEmpty
      ? nil
      : GradientFactors.Exchange(
        parameters: exchanged, pendingMerges: tree.pendingMerges(in: 0..<tree.shards), firstShard: shards.lowerBound,
        unfoldings: unfoldings)
    self.init(
      tree: tree, shards: shards, count: table.vectorCount, storedCount: table.storedCount,
      factors: isFactored
        ? GradientFactors(table, rows: rows, pendingMerges: tree.pendingMerges(in: shards), exchange: exchange) : nil,
      pool: pool)
  }

  /// Creates sums of vectors that are stored whole.
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
    merges = tree.pendingMerges(in: shards)
    nextShard = shards.lowerBound
    largest = .allocate(capacity: (storedCount + Self.taskFloats - 1) / Self.taskFloats + 1)
    let buffers = Self.buffersNeeded(tree, shards)
    free = (0..<buffers).map { _ in AlignedMemory(floats: storedCount, for: .gradients) }
    free.reserveCapacity(buffers)
    finished.reserveCapacity(buffers)
  }

  /// Returns the largest number of stored gradients held at a time: log2(shards) + 1 for a power of two on one rank.
  package static func buffersNeeded(_ tree: ShardTree, _ shards: Range<Int>) -> Int {
    var (waiting, most) = (0, 0)
    for merges in tree.pendingMerges(in: shards) {
      most = max(most, waiting + 1)
      waiting += 1 - merges
    }
    return most
  }

  /// Begins the current shard: its gradient gets memory, with undefined content. Returns the gradient.
  @discardableResult
  package func beginShard() -> ShardGradient {
    precondition(nextShard < shards.upperBound, "all shards \(shards) are summed: restart() begins the next minibatch")
    precondition(open == nil, "shard \(nextShard) has begun")
    open = free.removeLast()
    return currentGradient
  }

  /// The gradient of the current shard, between `beginShard()` and `commit()`.
  package var currentGradient: ShardGradient {
    guard let open else { preconditionFailure("shard \(nextShard) has not begun") }
    return ShardGradient(stored: open.pointer, factors: factors, shard: nextShard - shards.lowerBound)
  }

  /// Takes `currentGradient` as complete, adds it to the sums, and continues with the next shard.
  package func commit() {
    guard let memory = open else { preconditionFailure("commit() without beginShard()") }
    var first = 0
    for range in completed.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      add(memory, first..<range.lowerBound)
      first = range.upperBound
    }
    add(memory, first..<storedCount)
    completed.removeAll(keepingCapacity: true)
    let merges = merges[nextShard - shards.lowerBound]
    if merges > 0 {
      free.append(memory)
      free += finished.suffix(merges - 1)
      finished.removeLast(merges - 1)
    } else {
      finished.append(memory)
    }
    open = nil
    nextShard += 1
  }

  /// The current shard, counted from the minibatch's first.
  package var currentShard: Int { nextShard }

  /// True while the gradient of this rank's last shard is being written.
  package var isAtLastShard: Bool { open != nil && nextShard == shards.upperBound - 1 }

  /// Takes a range of the last shard's stored gradient as complete, so that `values` has it. Once for each float.
  package func complete(_ range: Range<Int>) {
    guard let memory = open, isAtLastShard else { preconditionFailure("only the last shard is added in parts") }
    add(memory, range)
    completed.append(range)
  }

  /// Adds a range of a gradient to the sums that it completes.
  private func add(_ memory: AlignedMemory, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    // Siblings from the latest to the earliest: each sum is added to the next.
    let siblings = finished.suffix(merges[nextShard - shards.lowerBound]).reversed().map(\.pointer)
    let (shard, largest) = (nextShard, largest)
    let tasks = (range.count + Self.taskFloats - 1) / Self.taskFloats
    pool.run(tasks) { task, _ in
      let first = range.lowerBound + task * Self.taskFloats
      let count = min(Self.taskFloats, range.upperBound - first)
      largest[task] = Magnitude.largest(memory.pointer + first, count: count)
      var values = memory.pointer
      for sibling in siblings {
        VectorSum.add(values + first, into: sibling + first, count: count)
        values = sibling
      }
    }
    guard nonFiniteStored == nil, let bad = (0..<tasks).first(where: { !(largest[$0] <= Magnitude.limit) }) else {
      return
    }
    let first = range.lowerBound + bad * Self.taskFloats
    let offset = (first..<range.upperBound).first { !(abs(memory.pointer[$0]) <= Magnitude.limit) }
    nonFiniteStored = (shard, offset ?? first)
  }

  /// The first of this rank's shards whose gradient is not finite or near the end of Float's range, and the place in
  /// the flat vector.
  package var nonFinite: (shard: Int, offset: Int)? {
    let factored = factors.flatMap { factors in
      factors.nonFinite.map { (shard: shards.lowerBound + $0.shard, offset: factors.table.offsets[$0.parameter]) }
    }
    return [nonFiniteStored, factored].compactMap { $0 }.min { ($0.shard, $0.offset) < ($1.shard, $1.offset) }
  }

  /// True when the gradients of all of this rank's shards are committed.
  package var isComplete: Bool { nextShard == shards.upperBound }

  /// Returns the values of a range of the vector, summed over each of `nodes`. All shards are committed, or the range
  /// is complete.
  ///
  /// - Parameter memory: `nodes.count` times the range's floats, for sums that are not stored.
  /// - Returns: For each node a pointer to its values, in the stored sums themselves or in `memory`. They may be
  ///   changed, if the same range is not asked for again.
  package func values(of range: Range<Int>, in memory: UnsafeMutablePointer<Float>) -> [UnsafeMutablePointer<Float>] {
    if range.upperBound <= storedCount { return storedValues(of: range) }
    precondition(isComplete, "shards \(nextShard)..<\(shards.upperBound) have no gradient yet")
    let outputs = nodes.indices.map { memory + $0 * range.count }
    let stored = range.clamped(to: 0..<storedCount)
    if !stored.isEmpty {
      for (output, sum) in zip(outputs, finished) {
        output.update(from: sum.pointer + stored.lowerBound, count: stored.count)
      }
    }
    factors?.sum(range, into: outputs, pool)
    return outputs
  }

  private func storedValues(of range: Range<Int>) -> [UnsafeMutablePointer<Float>] {
    if isComplete { return finished.map { $0.pointer + range.lowerBound } }
    precondition(
      isAtLastShard && completed.contains { $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound },
      "range \(range) is not complete")
    let merges = merges[nextShard - shards.lowerBound]
    let sums = merges > 0 ? Array(finished.dropLast(merges - 1)) : finished + [open!]
    return sums.map { $0.pointer + range.lowerBound }
  }

  /// Computes a range inside a parameter whose factors are exchanged, summed over all shards of the minibatch.
  package func total(of range: Range<Int>, into memory: UnsafeMutablePointer<Float>) {
    factors!.sum(range, into: [memory], pool)
  }

  /// Discards all sums and begins the next minibatch.
  package func restart() {
    free += finished
    if let open { free.append(open) }
    finished.removeAll(keepingCapacity: true)
    open = nil
    nextShard = shards.lowerBound
    completed.removeAll(keepingCapacity: true)
    nonFiniteStored = nil
    factors?.restart()
  }

  deinit { largest.deallocate() }
}
