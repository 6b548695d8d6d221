import Testing

import Evaluation

@Suite struct LabelCountsTests {
  @Test func threePicturesByHand() throws {
    var counts = LabelCounts()
    counts.add(predicted: [1, 2], truth: [2, 3])
    counts.add(predicted: [], truth: [5])
    counts.add(predicted: [4], truth: [4])
    #expect(counts.counts == [2, 1, 2])
    #expect(counts.precision == 2.0 / 3)
    #expect(counts.recall == 2.0 / 4)
    #expect(counts.f1 == 4.0 / 7)
    var sum = LabelCounts()
    sum += counts
    sum += try LabelCounts(counts: counts.counts)
    #expect(sum.counts == [4, 2, 4])
    #expect(throws: EvaluationError.countsDiffer(expected: 3, found: 1)) { try LabelCounts(counts: [1]) }
  }

  @Test func figuresWithoutAnythingToDivideBy() {
    var counts = LabelCounts()
    counts.add(predicted: [], truth: [])
    #expect(counts.precision == nil && counts.recall == nil && counts.f1 == nil)
    counts.add(predicted: [], truth: [1])
    #expect(counts.precision == nil && counts.recall == 0 && counts.f1 == 0)
  }

  @Test func labelsInAMaskLeaveOutBackgroundAndIgnoredPixels() {
    #expect(LabelCounts.labels(inMask: [0, 255, 7, 7, 20, 0]) == [7, 20])
    #expect(LabelCounts.labels(inMask: []).isEmpty)
  }
}
