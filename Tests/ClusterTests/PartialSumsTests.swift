import Testing
import Workers

import Cluster

@Suite struct PartialSumsTests {
  /// Values whose sum depends on the order of additions.
  private func gradient(_ shard: Int, _ i: Int) -> Float {
    let bits = UInt32(truncatingIfNeeded: (shard &+ 3) &* 2_654_435_761 &+ i &* 40_503 &* (shard &+ 1))
    return Float(Int32(bitPattern: bits)) * (shard % 3 == 0 ? 1e-3 : 1e-9)
  }

  private func sum(_ tree: ShardTree, _ node: ShardTree.Node, _ i: Int) -> Float {
    if node.level == 0 { return gradient(node.index, i) }
    let left = sum(tree, node.left, i)
    return tree.coverage(of: node.right).isEmpty ? left : left + sum(tree, node.right, i)
  }

  @Test(arguments: [1, 2, 3, 5, 7, 8, 13, 16])
  func equalTheRecursiveSumBitForBit(shards: Int) {
    let tree = ShardTree(shards: shards)
    let pool = WorkerPool(threads: 2)
    let count = 83
    for ranks in 1...shards {
      for rank in 0..<ranks {
        let range = tree.range(of: rank, ranks: ranks)
        let sums = PartialSums(tree: tree, shards: range, count: count, pool: pool)
        for _ in 0..<2 {
          for shard in range {
            let buffer = sums.nextBuffer()
            for i in 0..<count { buffer[i] = gradient(shard, i) }
            sums.commit()
          }
          #expect(sums.nodes.map(\.node) == tree.maximalNodes(in: range))
          for (node, values) in sums.nodes {
            for i in 0..<count { #expect(values[i].bitPattern == sum(tree, node, i).bitPattern) }
          }
          sums.restart()
        }
      }
    }
  }

  @Test func orderMattersInTheseTests() {
    let tree = ShardTree(shards: 16)
    let differing = (0..<83).filter { i in
      let leftToRight = (0..<16).reduce(Float(0)) { $0 + gradient($1, i) }
      return leftToRight != sum(tree, tree.root, i)
    }
    #expect(differing.count > 5)
  }

  @Test func holdsFewBuffers() {
    func needed(_ shards: Int) -> Int { PartialSums.buffersNeeded(ShardTree(shards: shards), 0..<shards) }
    #expect(needed(1) == 1)
    #expect(needed(2) == 2)
    #expect(needed(8) == 4)
    #expect(needed(16) == 5)
    #expect(PartialSums.buffersNeeded(ShardTree(shards: 16), 3..<5) == 2)
  }

  /// More than one task of the pool.
  @Test func longVectorsAreCutIntoTasks() {
    let tree = ShardTree(shards: 2)
    let count = 131_072 + 17
    let sums = PartialSums(tree: tree, shards: 0..<2, count: count, pool: WorkerPool(threads: 3))
    for shard in 0..<2 {
      let buffer = sums.nextBuffer()
      for i in 0..<count { buffer[i] = gradient(shard, i) }
      sums.commit()
    }
    let values = sums.nodes[0].values
    #expect((0..<count).allSatisfy { values[$0] == gradient(0, $0) + gradient(1, $0) })
    withExtendedLifetime(sums) {}
  }
}
