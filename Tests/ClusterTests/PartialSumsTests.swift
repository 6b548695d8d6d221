// Tests of one rank's sums over its shards.
import Cluster
import Compute
import Kernels
import Testing

@Suite struct PartialSumsTests {
  /// Returns values whose sum depends on the order of additions.
  private func gradient(_ shard: Int, _ i: Int) -> Float {
    let bits = UInt32(truncatingIfNeeded: (shard &+ 3) &* 2_654_435_761 &+ i &* 40_503 &* (shard &+ 1))
    return Float(Int32(bitPattern: bits)) * (shard % 3 == 0 ? 1e-3 : 1e-9)
  }

  private func sum(_ tree: ShardTree, _ node: ShardTree.Node, _ i: Int) -> Float {
    if node.level == 0 { return gradient(node.index, i) }
    let left = sum(tree, node.left, i)
    return tree.coverage(of: node.right).isEmpty ? left : left + sum(tree, node.right, i)
  }

  @Test("Partial sums equal the recursive sum of their node bit for bit.", arguments: [1, 2, 3, 5, 7, 8, 13, 16])
  func equalTheRecursiveSumBitForBit(shards: Int) {
    let tree = ShardTree(shards: shards)
    let pool = WorkerPool(threads: 2)
    let count = 83
    let nothing = AlignedMemory(floats: 1)
    for ranks in 1...shards {
      for rank in 0..<ranks {
        let range = tree.range(of: rank, ranks: ranks)
        let sums = PartialSums(tree: tree, shards: range, count: count, pool: pool)
        for _ in 0..<2 {
          for shard in range {
            let buffer = sums.beginShard().stored
            for i in 0..<count { buffer[i] = gradient(shard, i) }
            sums.commit()
          }
          #expect(sums.nodes == tree.maximalNodes(in: range))
          let values = sums.values(of: 0..<count, in: nothing.pointer)
          #expect(values.count == sums.nodes.count)
          for (node, values) in zip(sums.nodes, values) {
            for i in 0..<count { #expect(values[i].bitPattern == sum(tree, node, i).bitPattern) }
          }
          sums.restart()
        }
      }
    }
  }

  @Test("The test values have other sums in another order.")
  func orderMattersInTheseTests() {
    let tree = ShardTree(shards: 16)
    let differing = (0..<83).filter { i in
      let leftToRight = (0..<16).reduce(Float(0)) { $0 + gradient($1, i) }
      return leftToRight != sum(tree, tree.root, i)
    }
    #expect(differing.count > 5)
  }

  @Test("The number of buffers grows with the logarithm of the shards.")
  func holdsFewBuffers() {
    func needed(_ shards: Int) -> Int { PartialSums.buffersNeeded(ShardTree(shards: shards), 0..<shards) }
    #expect(needed(1) == 1)
    #expect(needed(2) == 2)
    #expect(needed(8) == 4)
    #expect(needed(16) == 5)
    #expect(PartialSums.buffersNeeded(ShardTree(shards: 16), 3..<5) == 2)
  }

  @Test("Vectors longer than a task are added correctly.")
  func longVectorsAreCutIntoTasks() {
    let tree = ShardTree(shards: 2)
    let count = 131_072 + 17
    let sums = PartialSums(tree: tree, shards: 0..<2, count: count, pool: WorkerPool(threads: 3))
    for shard in 0..<2 {
      let buffer = sums.beginShard().stored
      for i in 0..<count { buffer[i] = gradient(shard, i) }
      sums.commit()
    }
    let nothing = AlignedMemory(floats: 1)
    let values = sums.values(of: 0..<count, in: nothing.pointer)[0]
    #expect((0..<count).allSatisfy { values[$0] == gradient(0, $0) + gradient(1, $0) })
    withExtendedLifetime(sums) {}
  }

  // MARK: Factored gradients

  /// Two factored matrices between stored parameters; one is so short that a group of rows is not full.
  private let table = ParameterTable([
    ParameterSpec("a", [40], .bias), ParameterSpec("b.weight", [20, 3, 4, 4], .weight, gradient: .factored),
    ParameterSpec("c", [5, 3], .weight), ParameterSpec("d.weight", [7, 32], .weight, gradient: .factored),
  ])

  private func fill(_ values: UnsafeMutablePointer<Float>, _ count: Int, _ shard: Int, _ salt: Int) {
    for i in 0..<count { values[i] = gradient(shard, i &* 31 &+ salt) }
  }

  private func factors(_ name: String, _ shard: Int, rows: Int) -> (left: [Float], right: [Float]) {
    let shape = table.parameters[table.index(of: name)!].shape
    var (left, right) = (
      [Float](repeating: 0, count: rows * shape[0]), [Float](repeating: 0, count: rows * shape.dropFirst().reduce(1, *))
    )
    fill(&left, left.count, shard, name.utf8.count)
    fill(&right, right.count, shard + 50, 7)
    return (left, right)
  }

  /// Returns the whole vector of one shard's gradient by plain loops.
  private func whole(_ shard: Int, rows: Int) -> [Float] {
    let vector = ParameterVector(table)
    fill(vector.pointer, table.storedCount, shard, 0)
    for parameter in table.parameters where parameter.gradient == .factored {
      let (left, right) = factors(parameter.name, shard, rows: rows)
      _ = vector[parameter.name].update(
        fromContentsOf: NaiveFactorProducts.gradient(
          left: left, right: right, rows: rows, height: parameter.shape[0], width: parameter.count / parameter.shape[0])
      )
    }
    return Array(vector.memory.buffer)
  }

  @Test(
    "Any range of the vector, stored or factored or both, equals the recursive sum bit for bit.",
    arguments: [1, 2, 5, 7, 16])
  func factoredGradientsFollowTheSameTree(shards: Int) {
    let tree = ShardTree(shards: shards)
    let (rows, pool) = (6, WorkerPool(threads: 2))
    let count = table.vectorCount
    #expect(table.storedCount == 64 && count == 64 + 960 + 224)
    let gradients = (0..<shards).map { whole($0, rows: rows) }
    func sum(_ node: ShardTree.Node, _ i: Int) -> Float {
      if node.level == 0 { return gradients[node.index][i] }
      let left = sum(node.left, i)
      return tree.coverage(of: node.right).isEmpty ? left : left + sum(node.right, i)
    }
    for ranks in Set([1, 2, 3, shards]) where ranks <= shards {
      for rank in 0..<ranks {
        let sums = PartialSums(
          tree: tree, shards: tree.range(of: rank, ranks: ranks), table: table, rows: rows, pool: pool)
        for shard in sums.shards {
          let gradient = sums.beginShard()
          fill(gradient.stored, table.storedCount, shard, 0)
          for name in ["b.weight", "d.weight"] {
            let (left, right) = factors(name, shard, rows: rows)
            gradient.factors!.store(name, left: left, right: right, shard: gradient.shard, pool)
          }
          sums.commit()
        }
        let memory = AlignedMemory(floats: sums.nodes.count * count)
        let wanted = sums.nodes.map { node in (0..<count).map { sum(node, $0).bitPattern } }
        for range in [0..<count, 0..<64, 16..<80, 48..<1040, 128..<144, 80..<1200, 1008..<count] {
          let found = sums.values(of: range, in: memory.pointer)
          for (node, values) in found.enumerated() {
            let bits = range.indices.map { values[$0 - range.lowerBound].bitPattern }
            #expect(bits == Array(wanted[node][range]), "\(ranks) ranks, rank \(rank), \(range)")
          }
        }
        withExtendedLifetime(sums) {}
      }
    }
  }
}
