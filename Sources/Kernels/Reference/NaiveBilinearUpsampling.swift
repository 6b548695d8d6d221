// The naive twin of `BilinearUpsampling`.

package enum NaiveBilinearUpsampling {
  package static func forward(_ x: NaiveMaps, factor: Int) -> NaiveMaps {
    NaiveMaps(images: x.images, channels: x.channels, height: x.height * factor, width: x.width * factor)
      .like { n, c, row, column in
        taps(of: (row, column), from: x, factor: factor).reduce(0) { $0 + $1.weight * x[n, c, $1.y, $1.x] }
      }
  }

  /// Returns the gradient of small maps of the shape of `x`.
  package static func backward(_ outputGradient: NaiveMaps, shape x: NaiveMaps, factor: Int) -> NaiveMaps {
    var gradient = x.like { _, _, _, _ in 0 }
    outputGradient.forEach { n, c, row, column in
      for tap in taps(of: (row, column), from: x, factor: factor) {
        gradient[n, c, tap.y, tap.x] += tap.weight * outputGradient[n, c, row, column]
      }
    }
    return gradient
  }

  /// Returns the four input pixels of an output pixel, and their weights.
  private static func taps(
    of output: (row: Int, column: Int), from x: NaiveMaps, factor: Int
  ) -> [(y: Int, x: Int, weight: Double)] {
    axis(output.row, size: x.height, factor: factor).flatMap { vertical in
      axis(output.column, size: x.width, factor: factor).map { (vertical.index, $0.index, vertical.weight * $0.weight) }
    }
  }

  private static func axis(_ output: Int, size: Int, factor: Int) -> [(index: Int, weight: Double)] {
    let position = min(max((Double(output) + 0.5) / Double(factor) - 0.5, 0), Double(size - 1))
    let index = Int(position)
    let fraction = position - Double(index)
    return [(index, 1 - fraction), (min(index + 1, size - 1), fraction)]
  }
}
