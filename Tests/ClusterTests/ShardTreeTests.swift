// Tests of the canonical tree of additions over shards.
import Cluster
import Testing

@Suite struct ShardTreeTests {
  @Test("Ranks own contiguous ranges of shards that are as even as possible.")
  func ranksOwnEvenContiguousRanges() {
    for shards in 1...20 {
      let tree = ShardTree(shards: shards)
      for ranks in 1...shards {
        let ranges = (0..<ranks).map { tree.range(of: $0, ranks: ranks) }
        #expect(ranges.flatMap { Array($0) } == Array(0..<shards))
        let counts = ranges.map(\.count)
        #expect(counts.max()! - counts.min()! <= 1 && counts.min()! >= 1)
      }
    }
  }

  @Test("The maximal nodes of a range make it up, and no node could be replaced by its parent.")
  func maximalNodesMakeUpTheRangeAndAreFewest() {
    for shards in 1...17 {
      let tree = ShardTree(shards: shards)
      for first in 0..<shards {
        for end in first + 1...shards {
          let nodes = tree.maximalNodes(in: first..<end)
          #expect(nodes.flatMap { Array(tree.coverage(of: $0)) } == Array(first..<end))
          #expect(Set(nodes).count == nodes.count)
          // No node could be replaced by its parent.
          for node in nodes where node != tree.root {
            let parent = tree.coverage(of: node.parent)
            #expect(parent.lowerBound < first || parent.upperBound > end)
          }
        }
      }
      #expect(tree.maximalNodes(in: 0..<shards) == [tree.root])
    }
  }

  @Test("The additions follow the tree, whichever ranks hold the nodes.")
  func additionsFollowTheTreeForAnyRanks() {
    for shards in 1...17 {
      let tree = ShardTree(shards: shards)
      let wanted = expression(0, tree.root.level, shards)
      for ranks in 1...shards {
        let nodes = (0..<ranks).flatMap { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)) }
        var texts = nodes.map { expression($0.index << $0.level, $0.level, shards) }
        for (into, from) in tree.additions(joining: nodes) { texts[into] = "(\(texts[into])+\(texts[from]))" }
        #expect(texts[0] == wanted)
      }
    }
    #expect(expression(0, 3, 5) == "(((0+1)+(2+3))+4)")
  }

  @Test("Scalars are added in tree order.")
  func scalarsAreAddedInTreeOrder() {
    // 2^53 + 1 is lost, so (2^53 + 1) + (1 + -2^53) differs from left to right.
    let large = 9_007_199_254_740_992.0
    let tree = ShardTree(shards: 4)
    #expect(tree.sum([[large], [1], [1], [-large]]) == [(large + 1) + (1 - large)])
    #expect(tree.sum([[large], [1], [1], [-large]]) != [large + 1 + 1 - large])
    #expect(ShardTree(shards: 3).sum([[1, 2], [3, 4], [5, 6]]) == [9, 12])
  }

  @Test("More ranks than shards are refused with both numbers.")
  func moreRanksThanShardsIsAnErrorWithBothNumbers() throws {
    try ShardTree(shards: 4).requireWork(forRanks: 4)
    #expect(throws: ClusterError.moreRanksThanShards(ranks: 5, shards: 4)) {
      try ShardTree(shards: 4).requireWork(forRanks: 5)
    }
    let text = ClusterError.moreRanksThanShards(ranks: 5, shards: 4).description
    #expect(text.contains("5 ranks for 4 shards") && text.contains("mpirun -n 4"))
  }

  /// Returns the sum of a node as text, by the definition.
  private func expression(_ first: Int, _ level: Int, _ shards: Int) -> String {
    if level == 0 { return "\(first)" }
    let middle = first + (1 << (level - 1))
    let left = expression(first, level - 1, shards)
    return middle < shards ? "(\(left)+\(expression(middle, level - 1, shards)))" : left
  }
}
