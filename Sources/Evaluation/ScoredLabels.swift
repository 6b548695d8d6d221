// The image labels of one image with their scores.
import Models

package struct ScoredLabels: Sendable {
  /// The score of each class, 0...1: element c - 1 belongs to class c.
  package let labelScores: [Float]
  /// The classes that are present.
  package let labels: [Bool]

  package init(_ labelScores: [Float]) {
    self.labelScores = labelScores
    labels = labelScores.map { $0 > labelThreshold }
  }

  package init(_ prediction: Prediction) {
    labelScores = prediction.labelScores
    labels = prediction.labelScores.indices.map { prediction.present.contains($0 + 1) }
  }

  /// The labels of each image of a batch.
  /// - Parameter scores: [N][K]
  static func batch(_ scores: [Float], classes: Int) -> [ScoredLabels] {
    stride(from: 0, to: scores.count, by: classes).map { ScoredLabels(Array(scores[$0..<$0 + classes])) }
  }
}
