// The naive twins of `BinarySoftmaxLoss`, `SoftmaxLoss` and `SigmoidCrossEntropy`.
import Foundation

package enum NaiveSoftmaxLoss {
  /// Returns the softmax over the channels.
  package static func probabilities(_ scores: NaiveMaps) -> NaiveMaps {
    scores.like { n, k, y, x in
      let column = column(scores, image: n, y: y, x: x)
      let exponentials = column.map { exp($0 - column.max()!) }
      return exponentials[k] / exponentials.reduce(0, +)
    }
  }

  /// Returns the mean loss and the counts. Ties go to the lower class, or to the higher one if asked.
  package static func forward(
    _ scores: NaiveMaps, mask: [UInt8], tiesGoUp: Bool = false
  ) -> (loss: Double, pixels: Int, correct: Int) {
    let p = probabilities(scores)
    var loss = 0.0
    var pixels = 0
    var correct = 0
    forEachKnown(scores, mask) { n, label, y, x in
      loss -= log(max(p[n, label, y, x], Double(Float.leastNormalMagnitude)))
      pixels += 1
      let column = column(scores, image: n, y: y, x: x)
      let predicted = tiesGoUp ? column.lastIndex(of: column.max()!)! : column.firstIndex(of: column.max()!)!
      correct += predicted == label ? 1 : 0
    }
    return (pixels == 0 ? 0 : loss / Double(pixels), pixels, correct)
  }

  package static func backward(_ scores: NaiveMaps, mask: [UInt8]) -> NaiveMaps {
    let p = probabilities(scores)
    let pixels = mask.count { $0 != 255 }
    var gradient = scores.like { _, _, _, _ in 0 }
    forEachKnown(scores, mask) { n, label, y, x in
      for k in 0..<scores.channels { gradient[n, k, y, x] = (p[n, k, y, x] - (k == label ? 1 : 0)) / Double(pixels) }
    }
    return gradient
  }

  private static func column(_ scores: NaiveMaps, image n: Int, y: Int, x: Int) -> [Double] {
    (0..<scores.channels).map { scores[n, $0, y, x] }
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

/// The softmax loss over two channels, with ties to the higher one.
package enum NaiveBinarySoftmaxLoss {
  package static func probabilities(_ scores: NaiveMaps) -> NaiveMaps { NaiveSoftmaxLoss.probabilities(scores) }

  package static func forward(_ scores: NaiveMaps, mask: [UInt8]) -> (loss: Double, pixels: Int, correct: Int) {
    NaiveSoftmaxLoss.forward(scores, mask: mask, tiesGoUp: true)
  }

  package static func backward(_ scores: NaiveMaps, mask: [UInt8]) -> NaiveMaps {
    NaiveSoftmaxLoss.backward(scores, mask: mask)
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
