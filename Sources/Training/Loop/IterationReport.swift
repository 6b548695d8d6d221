// The status report that each rank sends at the end of an iteration, and the verdict that every rank derives from all
// of them. All ranks read the same reports, so they agree without another message.
import Cluster

/// A rank's reasons to stop after an iteration.
package struct StopRequests: Equatable, Sendable {
  /// A signal has arrived.
  package var signalled = false
  /// The time limit leaves no room for another iteration and a checkpoint.
  package var pastDeadline = false

  package init(signalled: Bool = false, pastDeadline: Bool = false) {
    self.signalled = signalled
    self.pastDeadline = pastDeadline
  }
}

/// One rank's report: the results of its shards, failures, reasons to stop, and times.
package struct IterationReport: Equatable {
  /// Loss, correct decisions and decisions of each of its shards; NaN where a shard could not be computed.
  package var results: [[Double]] = []
  /// Its data could not be loaded.
  package var lacksData = false
  /// The first of its shards with a gradient that is not finite, and the place in the flat vector.
  package var nonFinite: (shard: Int, offset: Int)?
  package var stopRequests = StopRequests()
  package var times = RankTimes()

  private static let fixed = 9

  /// Values of an encoded report where no rank has more than `shards` shards.
  package static func count(shards: Int) -> Int { fixed + 3 * shards }

  package func encoded(shards: Int) -> [Double] {
    [
      lacksData ? 1 : 0, nonFinite.map { Double($0.shard) } ?? -1, nonFinite.map { Double($0.offset) } ?? -1,
      stopRequests.signalled ? 1 : 0, stopRequests.pastDeadline ? 1 : 0, times.compute, times.data, times.wait,
      times.transfer,
    ] + results.joined() + Array(repeating: 0, count: 3 * (shards - results.count))
  }

  package init() {}

  package init(_ values: [Double], shards: Int) {
    lacksData = values[0] != 0
    nonFinite = values[1] < 0 ? nil : (Int(values[1]), Int(values[2]))
    stopRequests = StopRequests(signalled: values[3] != 0, pastDeadline: values[4] != 0)
    times = RankTimes(compute: values[5], data: values[6], wait: values[7], transfer: values[8])
    results = (0..<shards).map { Array(values[Self.fixed + 3 * $0..<Self.fixed + 3 * $0 + 3]) }
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.results == b.results && a.lacksData == b.lacksData && a.nonFinite?.shard == b.nonFinite?.shard
      && a.nonFinite?.offset == b.nonFinite?.offset && a.stopRequests == b.stopRequests && a.times == b.times
  }
}

/// Seconds of one rank since its last report.
package struct RankTimes: Equatable {
  package var compute = 0.0
  /// Waiting for data.
  package var data = 0.0
  /// Waiting for messages.
  package var wait = 0.0
  /// Seconds in which messages were in flight, most of them while the rank computed.
  package var transfer = 0.0

  package init(compute: Double = 0, data: Double = 0, wait: Double = 0, transfer: Double = 0) {
    self.compute = compute
    self.data = data
    self.wait = wait
    self.transfer = transfer
  }
}

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
