// Average precision of image labels, as in PASCAL VOC's classification task since 2010 (VOC devkit, VOCevalcls,
// `VOCap`): the area under the curve of precision over recall, with precision made monotone.
//
// One difference: the devkit leaves out images in which all objects of a class are marked difficult. Labels here come
// from masks, which have no such mark.

/// The scores and the truth of some images, a row of K classes for each.
package struct LabelScores: Sendable, Equatable {
  /// K, the number of object classes.
  package let classes: Int
  /// [images][K]
  private var scores: [Float] = []
  private var truth: [Bool] = []

  package init(classes: Int) { self.classes = classes }

  package var images: Int { scores.count / classes }

  package mutating func add(scores: [Float], truth: [Bool]) {
    precondition(
      scores.count == classes && truth.count == classes,
      "\(scores.count) scores, \(truth.count) labels, \(classes) classes")
    // NaN scores rank last.
    self.scores += scores.map { $0.isNaN ? -.infinity : $0 }
    self.truth += truth
  }

  /// Returns rows as numbers for another rank: the scores, then 0 or 1 for each class. Missing rows have -1.
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

  /// Returns the number of images that show a class (1...K).
  package func positives(of label: Int) -> Int { (0..<images).count { truth[$0 * classes + label - 1] } }

  /// Returns the average precision of a class (1...K); nil if no image shows it. Images with equal scores are taken
  /// together, so the order of images does not matter.
  package func averagePrecision(of label: Int) -> Double? {
    let all = positives(of: label)
    guard all > 0 else { return nil }
    let ranked = (0..<images).map { (score: scores[$0 * classes + label - 1], isTrue: truth[$0 * classes + label - 1]) }
      .sorted { $0.score > $1.score }
    // The curve has a point for each threshold between different scores.
    var points: [(right: Int, precision: Double)] = []
    var right = 0
    for (index, entry) in ranked.enumerated() {
      if entry.isTrue { right += 1 }
      if index + 1 == ranked.count || ranked[index + 1].score != entry.score {
        points.append((right, Double(right) / Double(index + 1)))
      }
    }
    var area = 0.0
    var best = 0.0
    for index in points.indices.reversed() {
      best = max(best, points[index].precision)
      area += best * Double(points[index].right - (index > 0 ? points[index - 1].right : 0)) / Double(all)
    }
    return area
  }

  /// The mean over the classes that at least one image shows.
  package var meanAveragePrecision: Double? {
    let values = (1...classes).compactMap(averagePrecision)
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}
