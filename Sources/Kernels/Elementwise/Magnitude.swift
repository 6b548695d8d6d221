// Whether values are fit to be summed: a NaN, an infinity or a value near the end of Float's range would spread to all ranks.

/// The largest magnitude of a vector.
package enum Magnitude {
  /// What a shard's gradient may come to: sums over any number of shards stay far from the end of Float's range.
  package static let limit: Float = 1e34

  /// The largest |x|; infinity where a value is no number.
  package static func largest(_ values: UnsafePointer<Float>, count: Int) -> Float {
    var (largest, bad) = (Lanes(), Lanes())
    let whole = count & ~15
    for index in stride(from: 0, to: whole, by: 16) {
      let x = values.lanes(at: index)
      let size = x.replacing(with: -x, where: x .< 0)
      largest.replace(with: size, where: size .> largest)
      // x - x is 0 but for NaN and infinities, which stay NaN in the sum.
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
