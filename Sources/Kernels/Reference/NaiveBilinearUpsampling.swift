// The naive twin of `BilinearUpsampling`.

package enum NaiveBilinearUpsampling {
  package static func forward(_ x: NaiveMaps, factor: Int) -> NaiveMaps {
    NaiveMaps(images: x.images, channels: x.channels, height: x.height * factor, width: x.width * factor)
      .like { n, c, row, column in
        taps(row, column, x, factor).reduce(0) { $0 + $1.weight * x[n, c, $1.y, $1.x] }
      }
  }

  /// Returns the gradient of small maps of the shape of `x`.
  package static func backward(_ outputGradient: NaiveMaps, shape x: NaiveMaps, factor: Int) -> NaiveMaps {
    var gradient = x.like { _, _, _, _ in 0 }
    outputGradient.forEach { n, c, row, column in
      for tap in taps(row, column, x, factor) {
        gradient[n, c, tap.y, tap.x] += tap.weight * outputGradient[n, c, row, column]
      }
    }
    return gradient
  }

  /// Returns the four input pixels of an output pixel, and their weights.
  private static func taps(
    _ row: Int, _ column: Int, _ x: NaiveMaps, _ factor: Int
  ) -> [(y: Int, x: Int, weight: Double)] {
    axis(row, x.height, factor).flatMap { vertical in
      axis(column, x.width, factor).map { (vertical.index, $0.index, vertical.weight * $0.weight) }
    }
  }

  private static func axis(_ output: Int, _ size: Int, _ factor: Int) -> [(index: Int, weight: Double)] {
    let position = min(max((Double(output) + 0.5) / Double(factor) - 0.5, 0), Double(size - 1))
    let index = Int(position)
    let fraction = position - Double(index)
    return [(index, 1 - fraction), (min(index + 1, size - 1), fraction)]
  }
}
