// The time that each rank spends computing, waiting for data and waiting for other ranks, per iteration and in total,
// so that the rank that delays the others stands out.
import Cluster
import Foundation
import Support

/// Measures the times of this rank.
package final class RankStopwatch {
  private let communicator: Communicator
  private var dataSeconds = 0.0
  /// The time and the counters at the last report.
  private var lapStart = MonotonicClock.now
  private var lapBefore: RankTimes
  /// The time and the seconds of waiting at the end of the last iteration.
  private var iterationStart = MonotonicClock.now
  private var iterationBefore: Double

  init(_ communicator: Communicator) {
    self.communicator = communicator
    lapBefore = RankTimes(wait: communicator.secondsWaiting, transfer: communicator.secondsTransferring)
    iterationBefore = communicator.secondsWaiting
  }

  /// Runs `body` and counts its time as waiting for data.
  func data<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = MonotonicClock.now
    defer { dataSeconds += MonotonicClock.now - start }
    return try body()
  }

  /// Returns the times since the last lap.
  package func lap() -> RankTimes {
    let now = RankTimes(
      data: dataSeconds, wait: communicator.secondsWaiting, transfer: communicator.secondsTransferring)
    var times = RankTimes(
      data: now.data - lapBefore.data, wait: now.wait - lapBefore.wait, transfer: now.transfer - lapBefore.transfer)
    times.compute = MonotonicClock.now - lapStart - times.data - times.wait
    lapStart = MonotonicClock.now
    lapBefore = now
    return times
  }

  /// Returns the seconds since the last call, and those of them that were spent waiting for data or other ranks.
  package func iteration() -> (seconds: Double, waiting: Double) {
    let now = MonotonicClock.now
    let waited = communicator.secondsWaiting + dataSeconds
    defer {
      iterationStart = now
      iterationBefore = waited
    }
    return (now - iterationStart, waited - iterationBefore)
  }
}

/// The times of all ranks in a line of `metrics.jsonl`, in rank order.
package struct RankMetrics: Sendable, Codable, Equatable {
  package var compute: [Double]
  package var data: [Double]
  package var wait: [Double]
  package var transfer: [Double]
  /// The rank whose report arrived last.
  package var last: Int

  package init(_ verdict: IterationVerdict) {
    func rounded(_ value: (RankTimes) -> Double) -> [Double] {
      verdict.reports.map { (value($0.times) * 1e6).rounded() / 1e6 }
    }
    compute = rounded(\.compute)
    data = rounded(\.data)
    wait = rounded(\.wait)
    transfer = rounded(\.transfer)
    last = verdict.lateness.indices.max { verdict.lateness[$0] < verdict.lateness[$1] } ?? 0
  }
}

/// The total times of all ranks, for people.
final class RankSummary {
  let hosts: [String]
  private var times: [RankTimes]
  private var last: [Int]
  private var iterations = 0

  /// Collective.
  init(_ communicator: Communicator) throws {
    let longest = 64
    let name = communicator.nodeName.utf8.prefix(longest)
    let names = try communicator.allGather(name + Array(repeating: 0, count: longest - name.count))
    hosts = names.map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    times = Array(repeating: RankTimes(), count: names.count)
    last = Array(repeating: 0, count: names.count)
  }

  func add(_ verdict: IterationVerdict) {
    guard times.count > 1 else { return }
    iterations += 1
    for (rank, report) in verdict.reports.enumerated() {
      times[rank].compute += report.times.compute
      times[rank].data += report.times.data
      times[rank].wait += report.times.wait
      times[rank].transfer += report.times.transfer
    }
    last[RankMetrics(verdict).last] += 1
  }

  /// A table with a row for each rank; empty for one rank or without iterations.
  var lines: [String] {
    guard times.count > 1, iterations > 0 else { return [] }
    let heading = ["rank", "host", "compute", "data", "wait", "transfer", "came last"]
    let rows = times.indices.map { rank in
      let time = times[rank]
      return ["\(rank)", hosts[rank]]
        + [time.compute, time.data, time.wait, time.transfer].map { String(format: "%.4f", $0 / Double(iterations)) }
        + ["\(100 * last[rank] / iterations) %"]
    }
    return ["seconds per iteration, means of \(iterations), measured by rank 0:"]
      + TextTable.lines([heading] + rows, columns: [.right, .left, .right], indent: 2)
  }
}
