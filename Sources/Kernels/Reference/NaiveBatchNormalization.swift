// The naive twin of `BatchNormalization`: the formulas in double precision.

package enum NaiveBatchNormalization {
  /// Returns the mean and biased variance of each channel over N, H, W.
  package static func statistics(_ x: NaiveMaps) -> (mean: [Double], variance: [Double]) {
    let count = Double(x.images * x.height * x.width)
    var mean = [Double](repeating: 0, count: x.channels)
    var variance = mean
    x.forEach { n, c, y, column in mean[c] += x[n, c, y, column] / count }
    x.forEach { n, c, y, column in
      variance[c] += (x[n, c, y, column] - mean[c]) * (x[n, c, y, column] - mean[c]) / count
    }
    return (mean, variance)
  }

  package static func forward(
    _ x: NaiveMaps, scale: [Double], shift: [Double], epsilon: Double, rectified: Bool
  ) -> NaiveMaps {
    let (mean, variance) = statistics(x)
    return x.like { n, c, y, column in
      let value = scale[c] * (x[n, c, y, column] - mean[c]) / (variance[c] + epsilon).squareRoot() + shift[c]
      return rectified ? max(0, value) : value
    }
  }

  package static func backward(
    _ x: NaiveMaps, outputGradient: NaiveMaps, scale: [Double], shift: [Double], epsilon: Double, rectified: Bool
  ) -> (dx: NaiveMaps, scale: [Double], shift: [Double]) {
    let (mean, variance) = statistics(x)
    let output = forward(x, scale: scale, shift: shift, epsilon: epsilon, rectified: false)
    let dy = outputGradient.like { n, c, y, column in
      rectified && output[n, c, y, column] <= 0 ? 0 : outputGradient[n, c, y, column]
    }
    let normal = x.like { n, c, y, column in
      (x[n, c, y, column] - mean[c]) / (variance[c] + epsilon).squareRoot()
    }
    var scaleGradient = [Double](repeating: 0, count: x.channels)
    var shiftGradient = scaleGradient
    x.forEach { n, c, y, column in
      scaleGradient[c] += dy[n, c, y, column] * normal[n, c, y, column]
      shiftGradient[c] += dy[n, c, y, column]
    }
    let count = Double(x.images * x.height * x.width)
    let dx = x.like { n, c, y, column in
      scale[c] / (variance[c] + epsilon).squareRoot()
        * (dy[n, c, y, column] - shiftGradient[c] / count - normal[n, c, y, column] * scaleGradient[c] / count)
    }
    return (dx, scaleGradient, shiftGradient)
  }
}
