// The optimiser's arithmetic on a range of a flat parameter vector. Each element stands alone and is rounded alike in the
// vector body and in the rest, so the bits are the same however a vector is cut into ranges.

/// Momentum SGD with weight decay (the authors' solver.cpp, except that decay is not divided by the number of shards).
package enum MomentumUpdate {
  ///     g = gradient inverseShards + decay w
  ///     v = momentum v + rate g
  ///     w = w - v
  ///
  /// `gradient` is the sum over shards; `rate` and `decay` have the parameter's multipliers in them. A rate of 0 with zero
  /// velocity leaves the weights as they are.
  package static func apply(
    weights: UnsafeMutablePointer<Float>, velocity: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    count: Int, inverseShards: Float, rate: Float, momentum: Float, decay: Float
  ) {
    var i = 0
    while i + 16 <= count {
      let weight = weights.lanes(at: i)
      let slope = (gradient.lanes(at: i) * inverseShards).addingProduct(Lanes(repeating: decay), weight)
      let step = (slope * rate).addingProduct(Lanes(repeating: momentum), velocity.lanes(at: i))
      velocity.setLanes(step, at: i)
      weights.setLanes(weight - step, at: i)
      i += 16
    }
    while i < count {
      let slope = (gradient[i] * inverseShards).addingProduct(decay, weights[i])
      velocity[i] = (slope * rate).addingProduct(momentum, velocity[i])
      weights[i] -= velocity[i]
      i += 1
    }
  }
}

/// Elementwise sums: a node of the reduction tree.
package enum VectorSum {
  /// b = b + a.
  package static func add(_ a: UnsafePointer<Float>, into b: UnsafeMutablePointer<Float>, count: Int) {
    var i = 0
    while i + 16 <= count {
      b.setLanes(b.lanes(at: i) + a.lanes(at: i), at: i)
      i += 16
    }
    while i < count {
      b[i] += a[i]
      i += 1
    }
  }
}
