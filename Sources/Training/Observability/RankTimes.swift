// Where each rank's time goes, iteration by iteration and in all: arithmetic, waiting for data, waiting for others, and the
// messages beside them. Who makes the others wait stands out.
import Cluster
import Foundation

/// Takes this rank's times.
package final class RankStopwatch {
  private let communicator: Communicator
  private var dataSeconds = 0.0
  /// Since the last report.
  private var lapStart = Clock.now
  private var lapBefore: (data: Double, wait: Double, transfer: Double)
  /// Since the last agreement.
  private var iterationStart = Clock.now
  private var iterationBefore: Double

  init(_ communicator: Communicator) {
    self.communicator = communicator
    lapBefore = (0, communicator.secondsWaiting, communicator.secondsTransferring)
    iterationBefore = communicator.secondsWaiting
  }

  /// Runs `body`, whose time is waiting for data.
  func data<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = Clock.now
    defer { dataSeconds += Clock.now - start }
    return try body()
  }

  /// Times since the last lap.
  package func lap() -> RankTimes {
    let now = (data: dataSeconds, wait: communicator.secondsWaiting, transfer: communicator.secondsTransferring)
    var times = RankTimes()
    (times.data, times.wait, times.transfer) = (
      now.data - lapBefore.data, now.wait - lapBefore.wait, now.transfer - lapBefore.transfer
    )
    times.compute = Clock.now - lapStart - times.data - times.wait
    (lapStart, lapBefore) = (Clock.now, now)
    return times
  }

  /// Seconds since the last call, and how many of them were spent waiting for data or other ranks.
  package func iteration() -> (seconds: Double, waiting: Double) {
    let now = Clock.now
    let waited = communicator.secondsWaiting + dataSeconds
    defer { (iterationStart, iterationBefore) = (now, waited) }
    return (now - iterationStart, waited - iterationBefore)
  }
}

/// All ranks' times in a line of `metrics.jsonl`, in rank order.
package struct RankMetrics: Sendable, Codable, Equatable {
  package var compute: [Double]
  package var data: [Double]
  package var wait: [Double]
  package var transfer: [Double]
  /// The rank whose words came last.
  package var last: Int

  package init(_ verdict: IterationVerdict) {
    func rounded(_ value: (RankTimes) -> Double) -> [Double] {
      verdict.reports.map { (value($0.times) * 1e6).rounded() / 1e6 }
    }
    (compute, data, wait, transfer) = (rounded(\.compute), rounded(\.data), rounded(\.wait), rounded(\.transfer))
    last = verdict.lateness.indices.max { verdict.lateness[$0] < verdict.lateness[$1] } ?? 0
  }
}

/// The ranks' times in all, for people.
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

  /// A line for each rank; nothing where there is one rank or no iteration.
  var lines: [String] {
    guard times.count > 1, iterations > 0 else { return [] }
    func field(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(width - text.count, 0)) + text
    }
    func seconds(_ value: Double) -> String { field(String(format: "%.4f", value / Double(iterations)), 9) }
    let host = max(hosts.map(\.count).max() ?? 0, 4)
    var lines = [
      "seconds an iteration, means of \(iterations), as rank 0 saw it:",
      "  rank  \("host".padding(toLength: host, withPad: " ", startingAt: 0))  compute      data      wait  transfer  came last",
    ]
    for rank in times.indices {
      let time = times[rank]
      lines.append(
        "  " + field("\(rank)", 4) + "  " + hosts[rank].padding(toLength: host, withPad: " ", startingAt: 0)
          + [time.compute, time.data, time.wait, time.transfer].map(seconds).joined(separator: " ")
          + field("\(100 * last[rank] / iterations) %", 11))
    }
    return lines
  }
}
