// Tests of precision, recall and F1 of image labels.
import Evaluation
import Testing

@Suite struct LabelCountsTests {
  @Test("The figures of three images are those computed by hand.")
  func threeImagesByHand() throws {
    var counts = LabelCounts()
    counts.add(predicted: [true, true, false, false], truth: [false, true, true, false])
    counts.add(predicted: [false, false, false, false], truth: [false, false, false, true])
    counts.add(predicted: [true, false, false, false], truth: [true, false, false, false])
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

  @Test("Figures without a denominator are nil.")
  func figuresWithoutAnythingToDivideBy() {
    var counts = LabelCounts()
    counts.add(predicted: [false, false], truth: [false, false])
    #expect(counts.precision == nil && counts.recall == nil && counts.f1 == nil)
    counts.add(predicted: [false, false], truth: [true, false])
    #expect(counts.precision == nil && counts.recall == 0 && counts.f1 == 0)
  }
}
