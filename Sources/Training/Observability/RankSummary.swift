// The total time that each rank spends computing, waiting for data and waiting for other ranks, so that the rank that
// delays the others stands out.
import Cluster
import Foundation
import Support

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
