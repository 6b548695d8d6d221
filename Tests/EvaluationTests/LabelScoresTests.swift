// Tests of the average precision of label scores.
import Evaluation
import Foundation
import Testing

@Suite struct LabelScoresTests {
  private func scores(_ rows: [(Float, Bool)]) -> LabelScores {
    var scores = LabelScores(classes: 1)
    for (score, truth) in rows { scores.add(scores: [score], truth: [truth]) }
    return scores
  }

  /// Precision at the three true labels is 1, 2/3, 3/5, which is monotone already.
  @Test("The average precision is that computed by hand.")
  func byHand() throws {
    let rows: [(Float, Bool)] = [(0.9, true), (0.8, false), (0.7, true), (0.6, false), (0.5, true), (0.1, false)]
    let area = try #require(scores(rows).averagePrecision(of: 1))
    #expect(abs(area - (1 + 2.0 / 3 + 3.0 / 5) / 3) < 1e-15)
    #expect(scores(rows).averagePrecision(of: 1) == scores(rows.reversed()).averagePrecision(of: 1))
  }

  /// A later, higher precision counts for smaller recalls: 1/2, 2/3 and 3/4 all become 3/4.
  @Test("Precision is made monotone.")
  func precisionIsMadeMonotone() throws {
    let area = try #require(scores([(4, false), (3, true), (2, true), (1, true)]).averagePrecision(of: 1))
    #expect(abs(area - 0.75) < 1e-15)
  }

  @Test("Equal scores are taken together.")
  func equalScoresComeInTogether() {
    #expect(scores([(1, true), (1, false), (1, false), (1, true)]).averagePrecision(of: 1) == 0.5)
    #expect(
      scores([(1, false), (1, true)]).averagePrecision(of: 1)
        == scores([(1, true), (1, false)]).averagePrecision(of: 1))
  }

  @Test("NaN scores rank last.")
  func whatIsNoNumberComesLast() {
    for rows: [(Float, Bool)] in [[(.nan, true), (0.2, false)], [(0.2, false), (.nan, true)]] {
      #expect(scores(rows).averagePrecision(of: 1) == 0.5)
    }
    #expect(scores([(.nan, true), (.nan, false)]).averagePrecision(of: 1) == 0.5)
  }

  @Test("A class without images has no average precision.")
  func classesWithoutImagesHaveNone() throws {
    var scores = LabelScores(classes: 3)
    scores.add(scores: [0.1, 0.9, 0.3], truth: [false, true, false])
    scores.add(scores: [0.2, 0.1, 0.4], truth: [false, false, true])
    #expect((1...3).map { scores.positives(of: $0) } == [0, 1, 1])
    #expect((1...3).map { scores.averagePrecision(of: $0) } == [nil, 1, 1])
    #expect(scores.meanAveragePrecision == 1 && scores.images == 2)
    #expect(LabelScores(classes: 3).meanAveragePrecision == nil)
  }

  /// The definition: for every recall that is reached, the best precision at that recall or a larger one.
  @Test("The average precision follows its definition.")
  func followsTheDefinition() throws {
    var state: UInt64 = 9
    func roll(_ sides: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % sides
    }
    for _ in 0..<50 {
      let rows = (0..<Int(3 + roll(40))).map { _ in (Float(roll(12)) / 12, roll(3) == 0) }
      let positives = rows.count { $0.1 }
      guard positives > 0 else { continue }
      let points = Set(rows.map(\.0)).map { threshold in
        let chosen = rows.filter { $0.0 >= threshold }
        return (recall: chosen.count { $0.1 }, precision: Double(chosen.count { $0.1 }) / Double(chosen.count))
      }
      let wanted =
        (1...positives).reduce(0.0) { sum, recall in
          sum + points.filter { $0.recall >= recall }.map(\.precision).max()!
        } / Double(positives)
      let found = try #require(scores(rows).averagePrecision(of: 1))
      #expect(abs(found - wanted) < 1e-12)
    }
  }
}
