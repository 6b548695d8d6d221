// The reference that `BucketedReduction` is tested against: every rank receives all ranks' whole sums, adds them, and
// updates all weights itself.
import Compute

package final class NaiveReduction {
  /// The ranges that each rank updates: the whole vector.
  package let owned: [[Range<Int>]]
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
    owned = Array(repeating: [0..<count], count: communicator.size)
  }

  /// Sums the gradients of all ranks, lets `update` change the weights, and restarts `sums`. Collective.
  package func reduce(
    _ sums: PartialSums, update: (_ range: Range<Int>, _ gradientSum: UnsafePointer<Float>) -> Void
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
    try communicator.exchange(transfers, .gradients(bucket: 0))
    withExtendedLifetime(mine) {}
    ShardAddition.add(memory.map(\.pointer), count: count, tree.additions(joining: nodes), pool)
    update(0..<count, UnsafePointer(memory[0].pointer))
    sums.restart()
  }
}
