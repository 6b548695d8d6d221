// Average precision of image labels, as PASCAL's classification task is judged (from 2010 on: VOC devkit, VOCevaldet and
// VOCevalcls, `VOCap`): the area under precision over recall, precision being made monotone.
//
// One difference: the devkit leaves pictures out in which all objects of a class are marked difficult; labels here come from
// masks, which have no such mark.

/// Scores and truth of some pictures, a row of K classes for each.
package struct LabelScores: Sendable, Equatable {
  /// K: object classes.
  package let classes: Int
  /// [pictures][K]
  private var scores: [Float] = []
  private var truth: [Bool] = []

  package init(classes: Int) { self.classes = classes }

  package var images: Int { scores.count / classes }

  package mutating func add(scores: [Float], truth: [Bool]) {
    precondition(
      scores.count == classes && truth.count == classes,
      "\(scores.count) scores, \(truth.count) labels, \(classes) classes")
    // A network that ran away scores nothing: last of all, alike on any number of ranks.
    self.scores += scores.map { $0.isNaN ? -.infinity : $0 }
    self.truth += truth
  }

  /// Rows as numbers, for another rank: the scores, then 0 or 1 for each class; filled up with rows that do not count.
  func rows(_ count: Int) -> [Float] {
    (0..<count).flatMap { image -> [Float] in
      guard image < images else { return Array(repeating: -1, count: 2 * classes) }
      let range = image * classes..<(image + 1) * classes
      return Array(scores[range]) + truth[range].map { $0 ? 1 : 0 }
    }
  }

  /// Adds rows that another rank sent.
  mutating func add(rows: [Float]) {
    for first in stride(from: 0, to: rows.count, by: 2 * classes) where rows[first + classes] >= 0 {
      add(
        scores: Array(rows[first..<first + classes]),
        truth: rows[first + classes..<first + 2 * classes].map { $0 > 0.5 })
    }
  }

  /// Pictures that show a class (1...K).
  package func positives(of label: Int) -> Int { (0..<images).count { truth[$0 * classes + label - 1] } }

  /// The average precision of a class (1...K); nil where no picture shows it. Pictures of one score come in together, so the
  /// order of pictures does not matter.
  package func averagePrecision(of label: Int) -> Double? {
    let all = positives(of: label)
    guard all > 0 else { return nil }
    let ranked = (0..<images).map { (score: scores[$0 * classes + label - 1], isTrue: truth[$0 * classes + label - 1]) }
      .sorted { $0.score > $1.score }
    // A point of the curve for each threshold that parts the pictures.
    var points: [(right: Int, precision: Double)] = []
    var right = 0
    for (index, entry) in ranked.enumerated() {
      if entry.isTrue { right += 1 }
      if index + 1 == ranked.count || ranked[index + 1].score != entry.score {
        points.append((right, Double(right) / Double(index + 1)))
      }
    }
    var (area, best) = (0.0, 0.0)
    for index in points.indices.reversed() {
      best = max(best, points[index].precision)
      area += best * Double(points[index].right - (index > 0 ? points[index - 1].right : 0)) / Double(all)
    }
    return area
  }

  /// The mean over the classes that some picture shows.
  package var meanAveragePrecision: Double? {
    let values = (1...classes).compactMap(averagePrecision)
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}
