// The naive twin of `PointwiseScore`.

package enum NaivePointwiseScore {
  /// Returns the scores (N, 2, H, W).
  package static func apply(_ x: NaiveMaps, weights: [Double], bias: [Double]) -> NaiveMaps {
    NaiveMaps(images: x.images, channels: 2, height: x.height, width: x.width).like { n, k, y, column in
      bias[k] + (0..<x.channels).reduce(0) { $0 + weights[k * x.channels + $1] * x[n, $1, y, column] }
    }
  }

  package static func backward(
    _ x: NaiveMaps, scoreGradient: NaiveMaps, weights: [Double]
  ) -> (dx: NaiveMaps, weights: [Double], bias: [Double]) {
    var weightGradient = [Double](repeating: 0, count: 2 * x.channels)
    var biasGradient = [0.0, 0.0]
    x.forEach { n, c, y, column in
      for k in 0..<2 {
        weightGradient[k * x.channels + c] += scoreGradient[n, k, y, column] * x[n, c, y, column]
        if c == 0 { biasGradient[k] += scoreGradient[n, k, y, column] }
      }
    }
    let dx = x.like { n, c, y, column in
      (0..<2).reduce(0) { $0 + weights[$1 * x.channels + c] * scoreGradient[n, $1, y, column] }
    }
    return (dx, weightGradient, biasGradient)
  }
}
