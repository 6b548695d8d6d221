// The order in which shards are added, which depends on their number alone.
//
// Floating-point addition is not associative, so the order must not depend on the machine. All sums over shards follow
// one balanced binary tree over the shard index, padded to a power of two. A rank owns a contiguous range of shards,
// which consists of whole nodes of that tree. The rank adds inside these nodes; the rank that completes the sum
// continues from there.

/// The canonical binary tree over `shards` shard indices.
package struct ShardTree: Sendable, Equatable {
  /// A node covers shards [index * 2^level, (index + 1) * 2^level), cut to the number of shards.
  /// If only one of its children is not empty, its sum is that child's sum.
  package struct Node: Sendable, Hashable {
    package let level: Int
    package let index: Int

    package init(level: Int, index: Int) {
      self.level = level
      self.index = index
    }

    package var parent: Node { Node(level: level + 1, index: index >> 1) }
    package var left: Node { Node(level: level - 1, index: index * 2) }
    package var right: Node { Node(level: level - 1, index: index * 2 + 1) }
    package var isRightChild: Bool { index & 1 == 1 }
  }

  package let shards: Int
  /// The node that covers all shards.
  package let root: Node

  package init(shards: Int) {
    precondition(shards >= 1, "a minibatch has at least one shard, not \(shards)")
    self.shards = shards
    var level = 0
    while 1 << level < shards { level += 1 }
    root = Node(level: level, index: 0)
  }

  /// Returns the shards of a node; empty where the node lies in the padding.
  package func coverage(of node: Node) -> Range<Int> {
    let first = min(node.index << node.level, shards)
    return first..<min((node.index + 1) << node.level, shards)
  }

  /// Returns the contiguous range of shards that a rank owns: as even as possible, the longer ranges first.
  package func range(of rank: Int, ranks: Int) -> Range<Int> {
    precondition(ranks >= 1 && ranks <= shards, "\(ranks) ranks for \(shards) shards: check before with requireWork")
    precondition(rank >= 0 && rank < ranks, "rank \(rank) of \(ranks)")
    let (each, longer) = shards.quotientAndRemainder(dividingBy: ranks)
    let first = rank * each + min(rank, longer)
    return first..<first + each + (rank < longer ? 1 : 0)
  }

  /// As `range(of:ranks:)`, for any number of ranks: ranks beyond the number of shards own none.
  package func rangeOrNone(of rank: Int, ranks: Int) -> Range<Int> {
    let owners = min(ranks, shards)
    return rank < owners ? range(of: rank, ranks: owners) : shards..<shards
  }

  /// Throws if some rank would own no shard.
  package func requireWork(forRanks ranks: Int) throws {
    if ranks > shards { throw ClusterError.moreRanksThanShards(ranks: ranks, shards: shards) }
  }

  /// Returns the fewest nodes that make up `range`, from left to right; of nodes with the same shards, the highest.
  package func maximalNodes(in range: Range<Int>) -> [Node] {
    precondition(range.lowerBound >= 0 && range.upperBound <= shards, "shards \(range) of \(shards)")
    var nodes: [Node] = []
    func visit(_ node: Node) {
      let covered = coverage(of: node)
      guard covered.overlaps(range) else { return }
      if covered.lowerBound >= range.lowerBound && covered.upperBound <= range.upperBound {
        nodes.append(node)
      } else {
        visit(node.left)
        visit(node.right)
      }
    }
    visit(root)
    return nodes
  }

  /// Returns for each shard of a range, added in order, the number of finished sums that it is merged into, the latest
  /// first. The sums that remain after the last shard are those over `maximalNodes`.
  package func pendingMerges(in range: Range<Int>) -> [Int] {
    var finished: [Node] = []
    return range.map { shard in
      var node = Node(level: 0, index: shard)
      var merges = 0
      while node != root {
        if node.isRightChild {
          guard finished.last == node.parent.left else { break }
          finished.removeLast()
          merges += 1
        } else if !coverage(of: node.parent.right).isEmpty {
          break
        }
        node = node.parent
      }
      finished.append(node)
      return merges
    }
  }

  /// Returns the additions `into += from` (positions in `nodes`) that sum the whole tree into position 0.
  ///
  /// `nodes` make up the tree in shard order, as the ranks' `maximalNodes` joined in rank order do.
  package func additions(joining nodes: [Node]) -> [(into: Int, from: Int)] {
    let places = Dictionary(uniqueKeysWithValues: zip(nodes, nodes.indices))
    var additions: [(into: Int, from: Int)] = []
    func sum(_ node: Node) -> Int {
      if let place = places[node] { return place }
      precondition(node.level > 0, "no sum of shard \(node.index) of \(shards) is available")
      let left = sum(node.left)
      if coverage(of: node.right).isEmpty { return left }
      let right = sum(node.right)
      additions.append((into: left, from: right))
      return left
    }
    let place = sum(root)
    precondition(place == 0 && additions.count == nodes.count - 1, "the nodes do not make up \(shards) shards in order")
    return additions
  }
}
