// How well the classification network names the classes of a picture, whatever the pixels say.

/// Counts over all (picture, object class) pairs together ("micro" averages: frequent classes weigh more).
package struct LabelCounts: Sendable, Equatable {
  /// Labels that were predicted and are true.
  package private(set) var truePositives: UInt64 = 0
  /// Labels that were predicted and are not true.
  package private(set) var falsePositives: UInt64 = 0
  /// True labels that were not predicted.
  package private(set) var falseNegatives: UInt64 = 0

  package init() {}

  /// Counts as they came from another rank: true positives, false positives, false negatives.
  package init(counts: [UInt64]) throws(EvaluationError) {
    guard counts.count == 3 else { throw .countsDiffer(expected: 3, found: counts.count) }
    (truePositives, falsePositives, falseNegatives) = (counts[0], counts[1], counts[2])
  }

  /// True positives, false positives, false negatives: plain integers, so that ranks can add them in any order.
  package var counts: [UInt64] { [truePositives, falsePositives, falseNegatives] }

  /// Counts one picture: element c - 1 says whether class c (1...K) was predicted, or is there.
  package mutating func add(predicted: [Bool], truth: [Bool]) {
    precondition(predicted.count == truth.count, "\(predicted.count) labels against \(truth.count)")
    for (predicted, truth) in zip(predicted, truth) {
      switch (predicted, truth) {
      case (true, true): truePositives += 1
      case (true, false): falsePositives += 1
      case (false, true): falseNegatives += 1
      case (false, false): break
      }
    }
  }

  package static func += (sum: inout LabelCounts, other: LabelCounts) {
    sum.truePositives += other.truePositives
    sum.falsePositives += other.falsePositives
    sum.falseNegatives += other.falseNegatives
  }

  /// The part of the predicted labels that is true; nil where none was predicted.
  package var precision: Double? { ratio(truePositives, truePositives + falsePositives) }

  /// The part of the true labels that was predicted; nil where there is none.
  package var recall: Double? { ratio(truePositives, truePositives + falseNegatives) }

  /// The harmonic mean of precision and recall; 0 where labels exist and none is right, nil where there is none at all.
  package var f1: Double? { ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

  private func ratio(_ part: UInt64, _ whole: UInt64) -> Double? {
    whole == 0 ? nil : Double(part) / Double(whole)
  }
}
