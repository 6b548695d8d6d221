// The decision about an iteration, which every rank derives from the reports of all ranks. All ranks read the same
// reports, so they agree without another message.
import Cluster

/// The outcome of an iteration, derived from the reports of all ranks.
package struct IterationVerdict {
  /// Mean over the shards.
  package let loss: Double
  /// Share of correct decisions.
  package let accuracy: Double
  package let reports: [IterationReport]
  /// By rank, the seconds by which its report came later than this rank's own.
  package let lateness: [Double]

  package init(_ encoded: [[Double]], lateness: [Double], tree: ShardTree) {
    let ranks = encoded.count
    reports = encoded.enumerated().map {
      IterationReport($0.element, shards: tree.range(of: $0.offset, ranks: ranks).count)
    }
    self.lateness = lateness
    let totals = tree.sum(reports.flatMap(\.results))
    loss = totals[0] / Double(tree.shards)
    accuracy = totals[1] / max(totals[2], 1)
  }

  /// The iteration counts: all losses and gradients are finite, and all data was there.
  package var isFinite: Bool { loss.isFinite && !reports.contains { $0.lacksData || $0.nonFinite != nil } }
  package var isSignalled: Bool { reports.contains(where: \.stopRequests.signalled) }
  package var isPastDeadline: Bool { reports.contains(where: \.stopRequests.pastDeadline) }
  package var lacksData: Bool { reports.contains(where: \.lacksData) }

  /// The first shard whose loss is not finite.
  package var firstBadLoss: (shard: Int, loss: Double)? {
    reports.flatMap(\.results).enumerated().first { !$0.element[0].isFinite }.map { ($0.offset, $0.element[0]) }
  }

  /// The first shard whose gradient is not finite, its rank, and the place in the flat vector.
  package var firstBadGradient: (rank: Int, shard: Int, offset: Int)? {
    reports.enumerated().first { $0.element.nonFinite != nil }.map {
      ($0.offset, $0.element.nonFinite!.shard, $0.element.nonFinite!.offset)
    }
  }
}
