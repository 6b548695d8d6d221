// The twins of `PointwiseScore`, `BinarySoftmaxLoss` and `SigmoidCrossEntropy`.
import Foundation

package enum NaivePointwiseScore {
  /// Scores (N, 2, H, W).
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

package enum NaiveBinarySoftmaxLoss {
  /// Softmax over the two channels.
  package static func probabilities(_ scores: NaiveMaps) -> NaiveMaps {
    scores.like { n, k, y, x in
      let greatest = max(scores[n, 0, y, x], scores[n, 1, y, x])
      let both = (0..<2).map { exp(scores[n, $0, y, x] - greatest) }
      return both[k] / (both[0] + both[1])
    }
  }

  package static func forward(_ scores: NaiveMaps, mask: [UInt8]) -> (loss: Double, pixels: Int, correct: Int) {
    let p = probabilities(scores)
    var (loss, pixels, correct) = (0.0, 0, 0)
    forEachKnown(scores, mask) { n, label, y, x in
      loss -= log(max(p[n, label, y, x], Double(Float.leastNormalMagnitude)))
      pixels += 1
      correct += (scores[n, 1, y, x] >= scores[n, 0, y, x] ? 1 : 0) == label ? 1 : 0
    }
    return (pixels == 0 ? 0 : loss / Double(pixels), pixels, correct)
  }

  package static func backward(_ scores: NaiveMaps, mask: [UInt8]) -> NaiveMaps {
    let p = probabilities(scores)
    let pixels = mask.count { $0 != 255 }
    var gradient = scores.like { _, _, _, _ in 0 }
    forEachKnown(scores, mask) { n, label, y, x in
      for k in 0..<2 { gradient[n, k, y, x] = (p[n, k, y, x] - (k == label ? 1 : 0)) / Double(pixels) }
    }
    return gradient
  }

  private static func forEachKnown(
    _ scores: NaiveMaps, _ mask: [UInt8], _ body: (_ n: Int, _ label: Int, _ y: Int, _ x: Int) -> Void
  ) {
    scores.forEach { n, k, y, x in
      let label = mask[(n * scores.height + y) * scores.width + x]
      if k == 0 && label != 255 { body(n, Int(label), y, x) }
    }
  }
}

package enum NaiveSigmoidCrossEntropy {
  package static func loss(_ scores: [Double], labels: [Double], images: Int) -> Double {
    zip(scores, labels).reduce(0) { sum, pair in
      let s = 1 / (1 + exp(-pair.0))
      return sum - pair.1 * log(s) - (1 - pair.1) * log(1 - s)
    } / Double(images)
  }

  package static func gradient(_ scores: [Double], labels: [Double], images: Int) -> [Double] {
    zip(scores, labels).map { (1 / (1 + exp(-$0)) - $1) / Double(images) }
  }
}
