// Sums over shards of a few values each, such as losses, metrics and batch-norm statistics.

extension Communicator {
  /// Sums values over all shards of the minibatch, in the order of the tree: the same bits on every rank, whatever the
  /// number of ranks. Collective.
  ///
  /// - Parameters:
  ///   - values: The values of each of this rank's shards in order, equally many on all ranks. Float becomes Double
  ///     exactly.
  ///   - tree: The minibatch's tree; this rank owns `tree.rangeOrNone(of: rank, ranks: size)`.
  ///   - count: The number of a shard's values; needed where some rank may own no shard.
  package func sumOverShards<Value: BinaryFloatingPoint>(
    _ values: [[Value]], tree: ShardTree, count given: Int? = nil
  ) throws -> [Double] {
    let range = tree.rangeOrNone(of: rank, ranks: size)
    precondition(values.count == range.count, "\(values.count) shards' values for shards \(range)")
    let count = given ?? values[0].count
    precondition(values.allSatisfy { $0.count == count }, "shards differ in their number of values")
    // Ranks may own one shard more or fewer: shorter lists are padded.
    let longest = tree.rangeOrNone(of: 0, ranks: size).count
    var own = values.flatMap { $0.map { Double($0) } }
    own += Array(repeating: 0, count: (longest - values.count) * count)
    let all = try allGather(own)
    var shards: [ArraySlice<Double>] = []
    for rank in 0..<size {
      for place in 0..<tree.rangeOrNone(of: rank, ranks: size).count {
        shards.append(all[rank][place * count..<(place + 1) * count])
      }
    }
    return tree.sum(shards.map(Array.init))
  }
}

extension ShardTree {
  /// Adds one list of values for each shard, elementwise, in tree order.
  package func sum(_ values: [[Double]]) -> [Double] {
    precondition(values.count == shards, "\(values.count) lists of values for \(shards) shards")
    func sum(_ node: Node) -> [Double] {
      if node.level == 0 { return values[node.index] }
      let left = sum(node.left)
      return coverage(of: node.right).isEmpty ? left : zip(left, sum(node.right)).map { $0 + $1 }
    }
    return sum(root)
  }
}
