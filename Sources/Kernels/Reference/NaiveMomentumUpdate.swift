// The naive twin of `MomentumUpdate`.

package enum NaiveMomentumUpdate {
  package static func apply(
    weights: inout [Double], momentumBuffer: inout [Double], gradient: [Double], inverseShards: Double, rate: Double,
    momentum: Double, decay: Double
  ) {
    for i in weights.indices {
      momentumBuffer[i] = momentum * momentumBuffer[i] + rate * (gradient[i] * inverseShards + decay * weights[i])
      weights[i] -= momentumBuffer[i]
    }
  }
}
