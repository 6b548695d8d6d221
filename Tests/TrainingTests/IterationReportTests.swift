// The report that each rank sends at the end of an iteration, and the verdict derived from all of them.
import Cluster
import Testing
import Training

@Suite struct IterationReportTests {
  private let tree = ShardTree(shards: 5)

  private func report(_ losses: [Double]) -> IterationReport {
    var report = IterationReport()
    report.results = losses.map { [$0, 3, 4] }
    return report
  }

  /// Two ranks of 3 and 2 shards.
  private func verdict(_ reports: [IterationReport], lateness: [Double] = [0, 0.5]) -> IterationVerdict {
    IterationVerdict(reports.map { $0.encoded(shards: 3) }, lateness: lateness, tree: tree)
  }

  @Test("A report is unchanged by encoding and decoding.") func encoding() {
    var sent = report([0.25, -1, 1e300])
    sent.lacksData = true
    sent.stopRequests.pastDeadline = true
    sent.nonFinite = (2, 102_760_448)
    sent.times = RankTimes(compute: 1, data: 2, wait: 3, transfer: 4)
    let values = sent.encoded(shards: 7)
    #expect(values.count == IterationReport.count(shards: 7))
    #expect(IterationReport(values, shards: 3) == sent)
    sent.nonFinite = nil
    sent.stopRequests.signalled = true
    #expect(IterationReport(sent.encoded(shards: 3), shards: 3) == sent)
    #expect(IterationReport(values, shards: 3) != sent)
  }

  @Test("The loss is the mean over shards, the accuracy the share of correct decisions.")
  func lossIsTheMeanAndAccuracyTheShare() {
    let verdict = verdict([report([1, 2, 3]), report([4, 10])])
    #expect(verdict.loss == 4 && verdict.accuracy == 0.75 && verdict.isFinite)
    #expect(!verdict.isSignalled && !verdict.isPastDeadline && !verdict.lacksData)
    #expect(verdict.firstBadLoss == nil && verdict.firstBadGradient == nil)
    #expect(verdict.reports.map(\.results.count) == [3, 2])
  }

  /// From left to right the sum is 13: 1e16 + 3 is 1e16 + 4, since Double has no odd numbers there. The tree adds 1 to
  /// -1e16, which loses it.
  @Test("Losses are added in the order of the tree, whichever ranks hold the shards.")
  func lossesAreAddedInTheOrderOfTheTree() {
    let losses = [1e16, 3, -1e16, 1, 8]
    let alone = IterationVerdict([report(losses).encoded(shards: 5)], lateness: [0], tree: tree)
    #expect(verdict([report(Array(losses[..<3])), report(Array(losses[3...]))]).loss == alone.loss)
    #expect(alone.loss == 12 / 5.0 && losses.reduce(0, +) == 13)
  }

  @Test("A stop request of one rank stops all ranks.") func oneRequestStopsAll() {
    var second = report([4, 5])
    second.stopRequests.signalled = true
    #expect(verdict([report([1, 2, 3]), second]).isSignalled)
    second = report([4, 5])
    second.stopRequests.pastDeadline = true
    let late = verdict([report([1, 2, 3]), second])
    #expect(late.isPastDeadline && late.isFinite && !late.isSignalled)
  }

  @Test("The verdict names the first loss and gradient that are not finite.") func nonFiniteValuesAreNamed() throws {
    let bad = verdict([report([1, 2, 3]), report([4, .nan])])
    #expect(!bad.isFinite)
    #expect(try #require(bad.firstBadLoss).shard == 4)
    #expect(!verdict([report([1, .infinity, 3]), report([4, 5])]).isFinite)

    var second = report([4, 5])
    second.nonFinite = (3, 77)
    let gradient = verdict([report([1, 2, 3]), second])
    #expect(!gradient.isFinite && gradient.firstBadLoss == nil)
    #expect(try #require(gradient.firstBadGradient) == (1, 3, 77))

    second = report([4, 5])
    second.lacksData = true
    let without = verdict([report([1, 2, 3]), second])
    #expect(!without.isFinite && without.lacksData)
  }

  @Test("The log names the rank whose report came last.") func lastRankIsInTheLog() throws {
    var first = report([1, 2, 3])
    first.times = RankTimes(compute: 0.12345678, data: 0, wait: 0.5, transfer: 0.25)
    let metrics = RankMetrics(verdict([first, report([4, 5])], lateness: [0.1, -0.2]))
    #expect(metrics.last == 0)
    #expect(metrics.compute == [0.123457, 0] && metrics.wait == [0.5, 0] && metrics.transfer == [0.25, 0])
    #expect(RankMetrics(verdict([first, report([4, 5])])).last == 1)
  }
}
