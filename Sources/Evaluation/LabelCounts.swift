// Precision and recall of image labels, independent of the pixels.

/// Counts over all pairs of image and object class together (micro-averages: frequent classes weigh more).
package struct LabelCounts: Sendable, Equatable {
  /// The number of labels that were predicted and are true.
  package private(set) var truePositives: UInt64 = 0
  /// The number of labels that were predicted and are not true.
  package private(set) var falsePositives: UInt64 = 0
  /// The number of true labels that were not predicted.
  package private(set) var falseNegatives: UInt64 = 0

  package init() {}

  /// Creates the counts that another rank sent: true positives, false positives, false negatives.
  package init(counts: [UInt64]) throws(EvaluationError) {
    guard counts.count == 3 else { throw .countsDiffer(expected: 3, found: counts.count) }
    truePositives = counts[0]
    falsePositives = counts[1]
    falseNegatives = counts[2]
  }

  /// True positives, false positives and false negatives, for other ranks to add.
  package var counts: [UInt64] { [truePositives, falsePositives, falseNegatives] }

  /// Counts one image. Element c - 1 is true if class c (1...K) was predicted or is present.
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

  /// The share of predicted labels that are true; nil if none was predicted.
  package var precision: Double? { ratio(truePositives, truePositives + falsePositives) }

  /// The share of true labels that were predicted; nil if there are none.
  package var recall: Double? { ratio(truePositives, truePositives + falseNegatives) }

  /// The harmonic mean of precision and recall; 0 if labels exist and none is right, nil if there are none at all.
  package var f1: Double? { ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

  private func ratio(_ part: UInt64, _ whole: UInt64) -> Double? {
    whole == 0 ? nil : Double(part) / Double(whole)
  }
}
