import Cluster
import Testing
import Training

/// What ranks say at an iteration's end, and what all make of it.
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

  @Test func wordsTravelAsNumbers() {
    var said = report([0.25, -1, 1e300])
    (said.lacksData, said.signalled, said.late) = (true, false, true)
    said.nonFinite = (2, 102_760_448)
    said.times = RankTimes(compute: 1, data: 2, wait: 3, transfer: 4)
    let values = said.encoded(shards: 7)
    #expect(values.count == IterationReport.count(shards: 7))
    #expect(IterationReport(values, shards: 3) == said)
    said.nonFinite = nil
    said.signalled = true
    #expect(IterationReport(said.encoded(shards: 3), shards: 3) == said)
    #expect(IterationReport(values, shards: 3) != said)
  }

  @Test func lossIsTheMeanAndAccuracyTheShare() {
    let verdict = verdict([report([1, 2, 3]), report([4, 10])])
    #expect(verdict.loss == 4 && verdict.accuracy == 0.75 && verdict.isSound)
    #expect(!verdict.isSignalled && !verdict.isLate && !verdict.lacksData)
    #expect(verdict.firstBadLoss == nil && verdict.firstBadGradient == nil)
    #expect(verdict.reports.map(\.results.count) == [3, 2])
  }

  /// The mean is that of the tree, whoever had the shards. From left to right these make 13: 1e16 + 3 is 1e16 + 4, for Double
  /// has no odd numbers there; the tree adds 1 to -1e16, which loses it.
  @Test func lossesAreAddedInTheOrderOfTheTree() {
    let losses = [1e16, 3, -1e16, 1, 8]
    let alone = IterationVerdict([report(losses).encoded(shards: 5)], lateness: [0], tree: tree)
    #expect(verdict([report(Array(losses[..<3])), report(Array(losses[3...]))]).loss == alone.loss)
    #expect(alone.loss == 12 / 5.0 && losses.reduce(0, +) == 13)
  }

  @Test func oneRanksWordStopsAll() {
    var second = report([4, 5])
    second.signalled = true
    #expect(verdict([report([1, 2, 3]), second]).isSignalled)
    second = report([4, 5])
    second.late = true
    let late = verdict([report([1, 2, 3]), second])
    #expect(late.isLate && late.isSound && !late.isSignalled)
  }

  @Test func whatIsUnsoundIsNamed() throws {
    let bad = verdict([report([1, 2, 3]), report([4, .nan])])
    #expect(!bad.isSound)
    #expect(try #require(bad.firstBadLoss).shard == 4)
    #expect(!verdict([report([1, .infinity, 3]), report([4, 5])]).isSound)

    var second = report([4, 5])
    second.nonFinite = (3, 77)
    let gradient = verdict([report([1, 2, 3]), second])
    #expect(!gradient.isSound && gradient.firstBadLoss == nil)
    #expect(try #require(gradient.firstBadGradient) == (1, 3, 77))

    second = report([4, 5])
    second.lacksData = true
    let without = verdict([report([1, 2, 3]), second])
    #expect(!without.isSound && without.lacksData)
  }

  @Test func whoComesLastIsInTheLog() throws {
    var first = report([1, 2, 3])
    first.times = RankTimes(compute: 0.12345678, data: 0, wait: 0.5, transfer: 0.25)
    let metrics = RankMetrics(verdict([first, report([4, 5])], lateness: [0.1, -0.2]))
    #expect(metrics.last == 0)
    #expect(metrics.compute == [0.123457, 0] && metrics.wait == [0.5, 0] && metrics.transfer == [0.25, 0])
    #expect(RankMetrics(verdict([first, report([4, 5])])).last == 1)
  }
}
