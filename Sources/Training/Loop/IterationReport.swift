// The status report that each rank sends at the end of an iteration. `IterationVerdict` has the conclusion.

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
