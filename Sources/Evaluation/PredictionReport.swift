// What `dnet predict --json` writes: the labels of each picture, and where its mask is.
import Foundation
import Images

package struct PredictionReport: Encodable, Sendable {
  package struct Label: Encodable, Sendable {
    package let name: String
    /// sigmoid(average score), 0...1; nil where a network that ran away gives no number.
    package let score: Float?
    package let isPresent: Bool
    /// Part of the picture; nil where no mask was made.
    package let share: Double?
    /// The file of its saliency map; nil where none was made.
    package var saliency: String?

    enum CodingKeys: String, CodingKey { case name, score, isPresent, share, saliency }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(name, forKey: .name)
      try container.encode(score, forKey: .score)
      try container.encode(isPresent, forKey: .isPresent)
      try container.encode(share, forKey: .share)
      try container.encode(saliency, forKey: .saliency)
    }
  }

  package struct Picture: Encodable, Sendable {
    package let image: String
    /// nil where the segmentation network is not trained.
    package let mask: String?
    package let overlay: String?
    /// The object classes in their order.
    package var labels: [Label]

    /// - Parameter classNames: K+1 names by mask index, background first.
    package init(
      image: String, mask: String?, overlay: String?, scores: ScoredLabels, counts: [Int]?, pixels: Int, classNames: [String]
    ) {
      (self.image, self.mask, self.overlay) = (image, mask, overlay)
      labels = scores.labels.indices.map { index in
        Label(
          name: classNames[index + 1], score: scores.labelScores[index].isNaN ? nil : scores.labelScores[index], isPresent: scores.labels[index],
          share: counts.map { Double($0[index + 1]) / Double(pixels) })
      }
    }

    enum CodingKeys: String, CodingKey { case image, mask, overlay, labels }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(image, forKey: .image)
      try container.encode(mask, forKey: .mask)
      try container.encode(overlay, forKey: .overlay)
      try container.encode(labels, forKey: .labels)
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

  /// JSON text with sorted keys and a line break at its end.
  package func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// A row of scores for each picture, for people.
  package var scoreTable: String {
    guard let first = pictures.first else { return "" }
    let names = pictures.map { URL(fileURLWithPath: $0.image).deletingPathExtension().lastPathComponent }
    let width = (names.map(\.count) + ["picture".count]).max() ?? 0
    let rows = [["picture"] + first.labels.map(\.name)]
      + zip(names, pictures).map { [$0] + $1.labels.map { label in label.score.map { String(format: "%.3f", $0) } ?? "-" } }
    return rows.map { row in
      row.enumerated().map { column, cell in
        column == 0
          ? cell.padding(toLength: width, withPad: " ", startingAt: 0)
          : String(repeating: " ", count: max(rows[0][column].count, 5) - min(cell.count, max(rows[0][column].count, 5))) + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
