// Pooling of small score maps to one score per class, at the end of the classification network.
//
//   N images, score maps of H x W (4 x 4 at full size), L classes; maps are plain rows [N H W][L], row (n, y, x)

/// Average pooling, by which the classifier is trained and decides which labels are present, and maximum pooling, which
/// determines where the saliency of a label starts. It is serial, since it has only a few thousand values.
package struct ScorePooling: Sendable {
  private let images: Int
  private let positions: Int
  private let classes: Int

  package init(images: Int, height: Int, width: Int, classes: Int) {
    self.images = images
    positions = height * width
    self.classes = classes
  }

  /// Writes the averages [N][L].
  package func average(_ scores: UnsafePointer<Float>, into averages: UnsafeMutablePointer<Float>) {
    for image in 0..<images {
      for label in 0..<classes {
        var sum = 0.0
        for position in 0..<positions { sum += Double(scores[index(image, position, label)]) }
        averages[image * classes + label] = Float(sum / Double(positions))
      }
    }
  }

  /// Overwrites all rows with the gradient of `average`.
  package func averageBackward(_ gradient: UnsafePointer<Float>, into scoreGradient: UnsafeMutablePointer<Float>) {
    for image in 0..<images {
      for label in 0..<classes {
        let share = gradient[image * classes + label] / Float(positions)
        for position in 0..<positions { scoreGradient[index(image, position, label)] = share }
      }
    }
  }

  /// Writes the maxima [N][L] and their positions y W + x. The first maximum in row-major order wins.
  package func maximum(
    _ scores: UnsafePointer<Float>, into maxima: UnsafeMutablePointer<Float>,
    positions winners: UnsafeMutablePointer<Int32>
  ) {
    for image in 0..<images {
      for label in 0..<classes {
        var winner = 0
        for position in 1..<max(positions, 1)
        where scores[index(image, position, label)] > scores[index(image, winner, label)] {
          winner = position
        }
        maxima[image * classes + label] = scores[index(image, winner, label)]
        winners[image * classes + label] = Int32(winner)
      }
    }
  }

  private func index(_ image: Int, _ position: Int, _ label: Int) -> Int {
    (image * positions + position) * classes + label
  }
}
