// What a rank says at the end of an iteration, and what all ranks' words together mean. Every rank reads the same words,
// so all come to the same verdict without another message.
import Cluster

/// One rank's words: losses of its shards, what went wrong, who wants to stop, and where its time went.
package struct IterationReport: Equatable {
  /// Loss, right decisions and decisions of each of its shards; NaN where a shard could not be computed.
  package var results: [[Double]] = []
  /// Its data could not be loaded.
  package var lacksData = false
  /// The first of its shards with an nonFinite gradient, and where in the flat vector.
  package var nonFinite: (shard: Int, offset: Int)?
  package var signalled = false
  package var late = false
  /// Seconds since its last report: arithmetic, waiting for data, waiting for messages, and with messages under way.
  package var times = RankTimes()

  private static let fixed = 9

  /// Values of a report where no rank has more than `shards` shards.
  package static func count(shards: Int) -> Int { fixed + 3 * shards }

  package func encoded(shards: Int) -> [Double] {
    [
      lacksData ? 1 : 0, nonFinite.map { Double($0.shard) } ?? -1, nonFinite.map { Double($0.offset) } ?? -1,
      signalled ? 1 : 0, late ? 1 : 0, times.compute, times.data, times.wait, times.transfer,
    ] + results.joined() + Array(repeating: 0, count: 3 * (shards - results.count))
  }

  package init() {}

  package init(_ values: [Double], shards: Int) {
    lacksData = values[0] != 0
    nonFinite = values[1] < 0 ? nil : (Int(values[1]), Int(values[2]))
    (signalled, late) = (values[3] != 0, values[4] != 0)
    times = RankTimes(compute: values[5], data: values[6], wait: values[7], transfer: values[8])
    results = (0..<shards).map { Array(values[Self.fixed + 3 * $0..<Self.fixed + 3 * $0 + 3]) }
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.results == b.results && a.lacksData == b.lacksData && a.nonFinite?.shard == b.nonFinite?.shard
      && a.nonFinite?.offset == b.nonFinite?.offset && a.signalled == b.signalled && a.late == b.late && a.times == b.times
  }
}

/// Seconds of one rank in one iteration.
package struct RankTimes: Equatable {
  package var compute = 0.0
  package var data = 0.0
  package var wait = 0.0
  /// Seconds in which messages were under way, most of them beside the arithmetic.
  package var transfer = 0.0

  package init(compute: Double = 0, data: Double = 0, wait: Double = 0, transfer: Double = 0) {
    (self.compute, self.data, self.wait, self.transfer) = (compute, data, wait, transfer)
  }
}

/// All ranks' words of one iteration.
package struct IterationVerdict {
  /// Mean over the shards.
  package let loss: Double
  /// Share of right decisions.
  package let accuracy: Double
  package let reports: [IterationReport]
  /// By rank, how much later than this rank's own its words came.
  package let lateness: [Double]

  package init(_ words: [[Double]], lateness: [Double], tree: ShardTree) {
    let ranks = words.count
    reports = words.enumerated().map {
      IterationReport($0.element, shards: tree.range(of: $0.offset, ranks: ranks).count)
    }
    self.lateness = lateness
    let totals = tree.sum(reports.flatMap(\.results))
    loss = totals[0] / Double(tree.shards)
    accuracy = totals[1] / max(totals[2], 1)
  }

  /// Whether the iteration counts: all losses and gradients are numbers, and all data came.
  package var isSound: Bool { loss.isFinite && !reports.contains { $0.lacksData || $0.nonFinite != nil } }
  package var isSignalled: Bool { reports.contains(where: \.signalled) }
  package var isLate: Bool { reports.contains(where: \.late) }
  package var lacksData: Bool { reports.contains(where: \.lacksData) }

  /// The first shard whose loss is no number.
  package var firstBadLoss: (shard: Int, loss: Double)? {
    reports.flatMap(\.results).enumerated().first { !$0.element[0].isFinite }.map { ($0.offset, $0.element[0]) }
  }

  /// The first shard whose gradient is nonFinite, on which rank, and where.
  package var firstBadGradient: (rank: Int, shard: Int, offset: Int)? {
    reports.enumerated().first { $0.element.nonFinite != nil }.map {
      ($0.offset, $0.element.nonFinite!.shard, $0.element.nonFinite!.offset)
    }
  }
}
