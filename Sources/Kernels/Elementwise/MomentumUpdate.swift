// The arithmetic of SGD with momentum on a range of a flat parameter vector. Every element is rounded alike in the
// vector body and in the remainder, so the bits do not depend on how a vector is cut into ranges.

/// Momentum SGD with weight decay (the authors' solver.cpp, except that decay is not divided by the number of shards).
package enum MomentumUpdate {
  ///     g = gradient inverseShards + decay w
  ///     v = momentum v + rate g
  ///     w = w - v
  ///
  /// v is the momentum buffer and `gradient` is the sum over shards. `rate` and `decay` include the parameter's
  /// multipliers. A rate of 0 with a zero buffer leaves the weights unchanged.
  package static func apply(
    weights: UnsafeMutablePointer<Float>, momentumBuffer: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    count: Int, inverseShards: Float, rate: Float, momentum: Float, decay: Float
  ) {
    var i = 0
    while i + 16 <= count {
      let weight = weights.lanes(at: i)
      let slope = (gradient.lanes(at: i) * inverseShards).addingProduct(Lanes(repeating: decay), weight)
      let step = (slope * rate).addingProduct(Lanes(repeating: momentum), momentumBuffer.lanes(at: i))
      momentumBuffer.setLanes(step, at: i)
      weights.setLanes(weight - step, at: i)
      i += 16
    }
    while i < count {
      let slope = (gradient[i] * inverseShards).addingProduct(decay, weights[i])
      momentumBuffer[i] = (slope * rate).addingProduct(momentum, momentumBuffer[i])
      weights[i] -= momentumBuffer[i]
      i += 1
    }
  }
}
