// The naive twin of `ScorePooling`.

package enum NaiveScorePooling {
  /// Returns the average, the maximum and the position of the first maximum of each image and class, from rows
  /// [N positions][L].
  package static func pool(
    _ rows: [Double], images: Int, positions: Int, classes: Int
  ) -> (averages: [Double], maxima: [Double], winners: [Int]) {
    var result: (averages: [Double], maxima: [Double], winners: [Int]) = ([], [], [])
    for n in 0..<images {
      for label in 0..<classes {
        let map = (0..<positions).map { rows[(n * positions + $0) * classes + label] }
        result.averages.append(map.reduce(0, +) / Double(positions))
        result.maxima.append(map.max()!)
        result.winners.append(map.firstIndex(of: map.max()!)!)
      }
    }
    return result
  }
}
