// The times of all ranks in one iteration, as metrics.jsonl stores them.

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
