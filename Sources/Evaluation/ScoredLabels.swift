// What the classification network says of one picture.

package struct ScoredLabels: Sendable {
  /// A label is present above this score.
  package static let threshold: Float = 0.5

  /// sigmoid(average score) of each class: element c - 1 belongs to class c.
  package let labelScores: [Float]
  /// Which of them are above the threshold.
  package var labels: [Bool] { labelScores.map { $0 > Self.threshold } }

  package init(_ labelScores: [Float]) { self.labelScores = labelScores }

  /// Of each picture of a batch.
  ///
  /// - Parameter scores: [N][K]
  static func batch(_ scores: [Float], classes: Int) -> [ScoredLabels] {
    stride(from: 0, to: scores.count, by: classes).map { ScoredLabels(Array(scores[$0..<$0 + classes])) }
  }
}
