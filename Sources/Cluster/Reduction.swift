// How the gradients of all ranks become new weights: sum over all shards in tree order, update, new weights everywhere.
import Kernels
import Tensors
import Workers

/// A way to sum gradients over all ranks and to spread the updated weights. Whatever the way, the bits are the same.
package protocol GradientReduction {
  /// The range of the flat vector whose weights each rank updates, in rank order.
  var slices: [Range<Int>] { get }

  /// Sums the gradients of all ranks, has `update` change the weights of this rank's slice in place, and gives every rank
  /// all new weights. Collective. Uses up `sums` and restarts it.
  ///
  /// - Parameters:
  ///   - sums: complete; their tree and count are those of the reduction.
  ///   - weights: the flat vector, as long as a gradient, equal on all ranks.
  ///   - update: called for consecutive parts of this rank's slice with the gradient summed over all shards, whose
  ///     first value belongs to the first of the range. It must not fail: other ranks are waiting.
  func reduce(
    _ sums: PartialSums, weights: UnsafeMutablePointer<Float>,
    update: (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void) throws
}

/// Reduce-scatter, update, all-gather: each rank adds and updates one slice only, so the work and the momentum are held
/// once in the cluster. Slices travel in parts of bounded size; the next part is computed, where its sums are not stored,
/// and under way while one is added.
package final class ReduceScatter: GradientReduction {
  package let slices: [Range<Int>]
  private let communicator: Communicator
  private let tree: ShardTree
  private let count: Int
  private let pool: WorkerPool
  /// Floats of one rank's part in one step.
  private let part: Int
  private let steps: Int
  /// For each rank the nodes that it sends.
  private let nodes: [[ShardTree.Node]]
  private let additions: [(into: Int, from: Int)]
  /// Two sets of received parts, one in use while the other fills: [node of another rank][part].
  private let received: [AlignedMemory]
  /// Two sets of this rank's own sums of the parts of all ranks, for those that are not stored: [rank][own node][part].
  private let computed: [AlignedMemory]
  /// Where the own sums of a step's parts are: [step modulo 2][rank][own node].
  private var own: [[[UnsafeMutablePointer<Float>]]]

  /// - Parameters:
  ///   - count: floats of the flat vector, a multiple of 16.
  ///   - bucket: floats of the vector in one step over all ranks; bounds the memory for received parts
  ///     to about 2 x bucket x (tree nodes sent) / ranks floats, and that for computed ones to 2 x bucket x (own nodes).
  package init(_ communicator: Communicator, tree: ShardTree, count: Int, pool: WorkerPool, bucket: Int = 8 << 20) throws {
    try tree.requireWork(forRanks: communicator.size)
    precondition(count % 16 == 0, "\(count) floats are not a multiple of 16")
    self.communicator = communicator
    self.tree = tree
    self.count = count
    self.pool = pool
    let (ranks, rank) = (communicator.size, communicator.rank)
    slices = Self.slices(count: count, ranks: ranks)
    nodes = (0..<ranks).map { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)) }
    additions = tree.additions(joining: nodes.flatMap { $0 })
    part = max((min(bucket, max(count, 1)) / ranks + 15) & ~15, 16)
    steps = ((slices.map(\.count).max() ?? 0) + part - 1) / part
    let foreign = nodes.flatMap { $0 }.count - nodes[rank].count
    let receivedFloats = foreign * part
    received = (0..<(foreign > 0 ? 2 : 0)).map { _ in AlignedMemory(floats: receivedFloats, for: .gradients) }
    // Alone, a rank uses up one part before the next is computed.
    let floats = ranks * nodes[rank].count * part
    let sets = ranks == 1 ? 1 : 2
    own = Array(repeating: Array(repeating: [], count: ranks), count: sets)
    computed = (0..<sets).map { _ in AlignedMemory(floats: floats, for: .gradients) }
  }

  /// Cuts a vector into contiguous slices of whole blocks of 16 floats, as even as possible, one for each rank.
  package static func slices(count: Int, ranks: Int) -> [Range<Int>] {
    let blocks = (count + 15) / 16
    return (0..<ranks).map { min(blocks * $0 / ranks * 16, count)..<min(blocks * ($0 + 1) / ranks * 16, count) }
  }

  package func reduce(
    _ sums: PartialSums, weights: UnsafeMutablePointer<Float>,
    update: (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
  ) throws {
    precondition(sums.tree == tree && sums.count == count, "the sums belong to another network or minibatch")
    let alone = communicator.size == 1
    var spreading: [TransfersInFlight] = []
    if !alone { compute(0, sums) }
    var gradients = try startGradients(0)
    for step in 0..<steps {
      // A step's memory is free again: the step before the last has been waited for and used up.
      if alone { compute(step, sums) } else if step + 1 < steps { compute(step + 1, sums) }
      try communicator.wait(gradients)
      if step + 1 < steps { gradients = try startGradients(step + 1) }
      let range = range(of: communicator.rank, step)
      if !range.isEmpty { update(range, sum(step)) }
      if !alone { spreading.append(try startWeights(step, weights)) }
    }
    for flight in spreading { try communicator.wait(flight) }
    sums.restart()
  }

  /// The part of a rank's slice that one step handles; empty where the slice is done.
  private func range(of rank: Int, _ step: Int) -> Range<Int> {
    let slice = slices[rank]
    let first = min(slice.lowerBound + step * part, slice.upperBound)
    return first..<min(first + part, slice.upperBound)
  }

  /// Finds this rank's sums of all ranks' parts of a step.
  private func compute(_ step: Int, _ sums: PartialSums) {
    let place = step % computed.count
    for rank in 0..<communicator.size {
      let range = range(of: rank, step)
      let memory = computed[place].pointer + rank * sums.nodes.count * part
      own[place][rank] = range.isEmpty ? [] : sums.values(of: range, in: memory)
    }
  }

  /// Others' sums of this rank's part come in, this rank's sums of theirs go out.
  private func startGradients(_ step: Int) throws -> TransfersInFlight {
    var transfers: [Transfer] = []
    let mine = range(of: communicator.rank, step)
    var place = 0
    for other in 0..<communicator.size where other != communicator.rank {
      for _ in nodes[other] {
        transfers.append(.receive(received[step & 1].pointer + place * part, count: mine.count, from: other))
        place += 1
      }
    }
    for other in others {
      let theirs = range(of: other, step)
      for values in own[step % own.count][other] { transfers.append(.send(values, count: theirs.count, to: other)) }
    }
    return try communicator.start(transfers, .gradients)
  }

  private func startWeights(_ step: Int, _ weights: UnsafeMutablePointer<Float>) throws -> TransfersInFlight {
    var transfers: [Transfer] = []
    let mine = range(of: communicator.rank, step)
    for other in others {
      let theirs = range(of: other, step)
      transfers.append(.receive(weights + theirs.lowerBound, count: theirs.count, from: other))
      transfers.append(.send(weights + mine.lowerBound, count: mine.count, to: other))
    }
    return try communicator.start(transfers, .weights)
  }

  /// The other ranks, beginning after this one, so that not all send to the same rank first.
  private var others: [Int] {
    (1..<max(communicator.size, 1)).map { (communicator.rank + $0) % communicator.size }
  }

  /// Adds all nodes' values of this rank's part in tree order; the sum takes the place of the first node's values.
  private func sum(_ step: Int) -> UnsafePointer<Float> {
    let range = range(of: communicator.rank, step)
    var values: [UnsafeMutablePointer<Float>] = []
    var place = 0
    for rank in 0..<communicator.size {
      if rank == communicator.rank {
        values += own[step % own.count][rank]
      } else {
        for _ in nodes[rank] {
          values.append(received[step & 1].pointer + place * part)
          place += 1
        }
      }
    }
    add(values, count: range.count, additions, pool)
    return UnsafePointer(values[0])
  }
}

/// The oracle: every rank gets every rank's whole sums, adds them, and updates all weights by itself.
package final class NaiveReduction: GradientReduction {
  package let slices: [Range<Int>]
  private let communicator: Communicator
  private let tree: ShardTree
  private let count: Int
  private let pool: WorkerPool

  package init(_ communicator: Communicator, tree: ShardTree, count: Int, pool: WorkerPool) throws {
    try tree.requireWork(forRanks: communicator.size)
    self.communicator = communicator
    self.tree = tree
    self.count = count
    self.pool = pool
    slices = Array(repeating: 0..<count, count: communicator.size)
  }

  package func reduce(
    _ sums: PartialSums, weights: UnsafeMutablePointer<Float>,
    update: (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
  ) throws {
    precondition(sums.tree == tree && sums.count == count, "the sums belong to another network or minibatch")
    let mine = AlignedMemory(floats: sums.nodes.count * count)
    let own = zip(sums.nodes, sums.values(of: 0..<count, in: mine.pointer)).map { (node: $0, values: $1) }
    var (nodes, memory, transfers): ([ShardTree.Node], [AlignedMemory], [Transfer]) = ([], [], [])
    for rank in 0..<communicator.size {
      for node in tree.maximalNodes(in: tree.range(of: rank, ranks: communicator.size)) {
        let values = AlignedMemory(floats: count)
        if rank == communicator.rank {
          values.pointer.update(from: own.first { $0.node == node }!.values, count: count)
        } else {
          transfers.append(.receive(values.pointer, count: count, from: rank))
        }
        nodes.append(node)
        memory.append(values)
      }
      if rank != communicator.rank { transfers += own.map { .send($0.values, count: count, to: rank) } }
    }
    try communicator.exchange(transfers, .gradients)
    withExtendedLifetime(mine) {}
    add(memory.map(\.pointer), count: count, tree.additions(joining: nodes), pool)
    update(0..<count, UnsafePointer(memory[0].pointer))
    sums.restart()
  }
}

/// Carries out `additions` on vectors of `count` floats; each task does all of them for its elements.
private func add(
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
