// The update against its naive twin, and the same bits for any partition of the vector.
import Kernels
import Testing

@Suite struct MomentumUpdateTests {
  @Test("Three updates agree with the naive twin.") func agreesWithItsTwin() {
    var draws = Draws(61)
    let count = 1003
    var weights = draws.floats(count)
    var buffer = draws.floats(count, -0.1...0.1)
    let gradient = draws.floats(count, -16...16)
    var (trueWeights, trueBuffer) = (doubles(weights), doubles(buffer))
    for _ in 0..<3 {
      MomentumUpdate.apply(
        weights: &weights, momentumBuffer: &buffer, gradient: gradient, count: count, inverseShards: 1 / 16,
        rate: 0.02,
        momentum: 0.9, decay: 0.01)
      NaiveMomentumUpdate.apply(
        weights: &trueWeights, momentumBuffer: &trueBuffer, gradient: doubles(gradient), inverseShards: 1 / 16,
        rate: Double(Float(0.02)), momentum: Double(Float(0.9)), decay: Double(Float(0.01)))
    }
    #expect(relativeError(weights, trueWeights) < 1e-6)
    #expect(relativeError(buffer, trueBuffer) < 1e-6)
  }

  @Test("The partition of a vector does not change a bit of the update or of a sum.") func cutsDoNotShow() {
    var draws = Draws(62)
    let count = 200
    let weights = draws.floats(count)
    let buffer = draws.floats(count)
    let gradient = draws.floats(count)
    func cut(_ length: Int) -> ([Float], [Float], [Float]) {
      var (w, v, sum) = (weights, buffer, gradient)
      w.withUnsafeMutableBufferPointer { w in
        v.withUnsafeMutableBufferPointer { v in
          sum.withUnsafeMutableBufferPointer { sum in
            for start in stride(from: 0, to: count, by: length) {
              let n = min(length, count - start)
              MomentumUpdate.apply(
                weights: w.baseAddress! + start, momentumBuffer: v.baseAddress! + start,
                gradient: sum.baseAddress! + start, count: n, inverseShards: 1 / 3, rate: 0.013, momentum: 0.9,
                decay: 5e-4)
              VectorSum.add(w.baseAddress! + start, into: sum.baseAddress! + start, count: n)
            }
          }
        }
      }
      return (w, v, sum)
    }
    let whole = cut(count)
    for length in [1, 7, 16, 33, 150] { #expect(cut(length) == whole) }
    #expect(whole.2 == zip(gradient, whole.0).map { $0 + $1 })
  }
}
