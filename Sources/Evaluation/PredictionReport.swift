// The report of `dnet predict`: the labels of each image and the files that were written for it.
import Foundation
import Support

package struct PredictionReport: Encodable, Sendable {
  package struct Label: Encodable, Sendable {
    package let name: String
    /// sigmoid(average score), in 0...1; nil if the network's score is NaN.
    @Nullable package private(set) var score: Float?
    package let isPresent: Bool
    /// The share of the image's pixels; nil without a mask.
    @Nullable package private(set) var share: Double?
    /// The file of the saliency map; nil if none was written.
    @Nullable package var saliency: String?
  }

  package struct ImagePrediction: Encodable, Sendable {
    package let image: String
    /// Nil, like `overlay`, if the segmentation network is not trained.
    @Nullable package private(set) var mask: String?
    @Nullable package private(set) var overlay: String?
    /// The object classes in their order.
    package var labels: [Label]

    /// - Parameter classNames: K+1 names by mask index, background first.
    package init(
      image: String, mask: String?, overlay: String?, scores: ScoredLabels, counts: [Int]?, pixels: Int,
      classNames: [String]
    ) {
      self.image = image
      self.mask = mask
      self.overlay = overlay
      labels = scores.labels.indices.map { index in
        Label(
          name: classNames[index + 1], score: scores.labelScores[index].isNaN ? nil : scores.labelScores[index],
          isPresent: scores.labels[index],
          share: counts.map { Double($0[index + 1]) / Double(pixels) })
      }
    }

    /// The classes above the threshold with their scores and, if there is a mask, their shares of the image.
    package var words: String {
      let found = labels.filter(\.isPresent).map { label in
        String(format: "%@ (score %.2f", label.name, label.score ?? .nan)
          + (label.share.map { String(format: ", %.0f%% of the image)", 100 * $0) } ?? ")")
      }
      return found.isEmpty ? "no class above the threshold" : found.joined(separator: ", ")
    }
  }

  package let judged: EvaluationReport.Judged
  package var images: [ImagePrediction] = []

  package init(_ judged: EvaluationReport.Judged) { self.judged = judged }

  /// Returns the report as JSON with sorted keys; absent values are null.
  package func json() throws -> Data { try JSONText.encode(self) }

  /// A table with a row of scores for each image.
  package var scoreTable: String {
    guard let first = images.first else { return "" }
    let rows = images.map { image in
      [URL(fileURLWithPath: image.image).deletingPathExtension().lastPathComponent]
        + image.labels.map { $0.score.map { String(format: "%.3f", $0) } ?? "-" }
    }
    return TextTable.lines([["image"] + first.labels.map(\.name)] + rows).joined(separator: "\n")
  }
}
