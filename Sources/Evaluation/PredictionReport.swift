// What `dnet predict --json` writes: the labels of each picture, and where its mask is.
import Foundation
import Images

package struct PredictionReport: Encodable, Sendable {
  package struct Label: Encodable, Sendable {
    package let name: String
    /// sigmoid(average score), 0...1; nil where a network that ran away gives no number.
    @Nullable package private(set) var score: Float?
    package let isPresent: Bool
    /// Part of the picture; nil where no mask was made.
    @Nullable package private(set) var share: Double?
    /// The file of its saliency map; nil where none was made.
    @Nullable package var saliency: String?
  }

  package struct Picture: Encodable, Sendable {
    package let image: String
    /// nil where the segmentation network is not trained.
    @Nullable package private(set) var mask: String?
    @Nullable package private(set) var overlay: String?
    /// The object classes in their order.
    package var labels: [Label]

    /// - Parameter classNames: K+1 names by mask index, background first.
    package init(
      image: String, mask: String?, overlay: String?, scores: ScoredLabels, counts: [Int]?, pixels: Int,
      classNames: [String]
    ) {
      (self.image, self.mask, self.overlay) = (image, mask, overlay)
      labels = scores.labels.indices.map { index in
        Label(
          name: classNames[index + 1], score: scores.labelScores[index].isNaN ? nil : scores.labelScores[index],
          isPresent: scores.labels[index],
          share: counts.map { Double($0[index + 1]) / Double(pixels) })
      }
    }

    /// Classes above the threshold with their scores and, where there is a mask, their shares of the picture.
    package var words: String {
      let found = labels.filter(\.isPresent).map { label in
        String(format: "%@ (score %.2f", label.name, label.score ?? .nan)
          + (label.share.map { String(format: ", %.0f%% of the picture)", 100 * $0) } ?? ")")
      }
      return found.isEmpty ? "no class above the threshold" : found.joined(separator: ", ")
    }
  }

  package let judged: EvaluationReport.Judged
  package var pictures: [Picture] = []

  package init(_ judged: EvaluationReport.Judged) { self.judged = judged }

  /// JSON text with sorted keys; what there is not is null.
  package func json() throws -> Data { try ReportJSON.text(self) }

  /// A row of scores for each picture, for people.
  package var scoreTable: String {
    guard let first = pictures.first else { return "" }
    let names = pictures.map { URL(fileURLWithPath: $0.image).deletingPathExtension().lastPathComponent }
    let width = (names.map(\.count) + ["picture".count]).max() ?? 0
    let rows =
      [["picture"] + first.labels.map(\.name)]
      + zip(names, pictures).map {
        [$0] + $1.labels.map { label in label.score.map { String(format: "%.3f", $0) } ?? "-" }
      }
    return rows.map { row in
      row.enumerated().map { column, cell in
        column == 0
          ? cell.padding(toLength: width, withPad: " ", startingAt: 0)
          : String(
            repeating: " ", count: max(rows[0][column].count, 5) - min(cell.count, max(rows[0][column].count, 5)))
            + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
