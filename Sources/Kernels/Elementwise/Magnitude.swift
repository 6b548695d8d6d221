// The check that values can be summed over ranks. NaN, infinities and values near the limit of Float would spread.

/// The largest magnitude of a vector.
package enum Magnitude {
  /// The largest magnitude allowed in a shard's gradient, which keeps sums over shards far below the limit of Float.
  package static let limit: Float = 1e34

  /// Returns the largest |x|, or infinity if a value is NaN.
  package static func largest(_ values: UnsafePointer<Float>, count: Int) -> Float {
    var (largest, bad) = (Lanes(), Lanes())
    let whole = count & ~15
    for index in stride(from: 0, to: whole, by: 16) {
      let x = values.lanes(at: index)
      let size = x.replacing(with: -x, where: x .< 0)
      largest.replace(with: size, where: size .> largest)
      // x - x is 0 except for NaN and infinities, which make the sum NaN.
      bad += x - x
    }
    var result = (0..<16).reduce(Float(0)) { max($0, largest[$1]) }
    var isBad = bad != Lanes()
    for index in whole..<max(count, whole) {
      let x = values[index]
      result = max(result, abs(x))
      if !(x - x == 0) { isBad = true }
    }
    return isBad ? .infinity : result
  }
}
