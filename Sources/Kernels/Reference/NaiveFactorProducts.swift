// The naive twin of `FactorProducts`: the definition, element by element.

package enum NaiveFactorProducts {
  /// Returns one shard's gradient [R][S] of left [M][R] and right [M][S]: fused multiply-adds over the rows, from 0.
  package static func gradient(left: [Float], right: [Float], rows: Int, height: Int, width: Int) -> [Float] {
    var result = [Float](repeating: 0, count: height * width)
    for a in 0..<height {
      for b in 0..<width {
        var sum: Float = 0
        for row in 0..<rows { sum.addProduct(left[row * height + a], right[row * width + b]) }
        result[a * width + b] = sum
      }
    }
    return result
  }

  /// Returns the sums over shards. `merges` is the number of finished sums merged into each, the latest first.
  package static func sums(_ gradients: [[Float]], merges: [Int]) -> [[Float]] {
    var finished: [[Float]] = []
    for (gradient, merge) in zip(gradients, merges) {
      var sum = gradient
      for _ in 0..<merge { sum = zip(finished.removeLast(), sum).map { $0 + $1 } }
      finished.append(sum)
    }
    return finished
  }
}
