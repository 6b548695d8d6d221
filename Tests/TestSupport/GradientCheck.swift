// The comparison of a backward pass with differences of its own forward pass.
//
// L = <c, y> for a fixed c, or the step's loss. For a direction d the derivative <gradient, d> must equal
// (L(w + h d) - L(w - h d)) / 2h. There are two kinds of direction: the gradient itself with entries weighted at
// random, whose large signal shows wrong entries, and random signs everywhere, which show missing entries.
//
// ReLUs and poolings have corners, and in float32 no step is small enough to avoid them. For single layers biases and
// shifts are set far from zero, some channels above and some below. Then L is smooth within the steps, and the bounds
// are tight. In parts of the network and whole steps the corners remain. There the bounds are about twice the
// differences found, which shrank with the step until rounding dominated. DecoupledNetTests compares the same gradients
// with the Double reference.

/// A scalar function of float32 arrays, to be compared with its gradient.
package struct GradientCheck {
  /// The length of a step.
  package enum Step {
    /// A fraction of the array's norm.
    case relative(Double)
    /// The step for which L changes by this much between both ends.
    case change(Double)
  }

  private let step: Step
  /// The bounds for the two kinds of direction. With random signs the signal can be small, and the step is long.
  private let tolerance: (Double, Double)
  /// The change in L that rounding may cause.
  private let noise: Double
  private let loss: () -> Double

  package init(
    step: Step = .relative(3e-3), tolerance: (Double, Double) = (1e-3, 2e-3), noise: Double,
    loss: @escaping () -> Double
  ) {
    self.step = step
    self.tolerance = tolerance
    self.noise = noise
    self.loss = loss
  }

  /// Returns a sentence for each direction in which the gradient differs from the differences; none if it is right.
  ///
  /// - Parameter vanishes: the gradient is zero in exact arithmetic, so the differences are rounding errors.
  package func failures(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, gradient: [Float], vanishes: Bool = false
  ) -> [String] {
    var failures: [String] = []
    if gradient.count != values.count || !gradient.allSatisfy(\.isFinite) {
      return ["\(name): \(gradient.count) gradients for \(values.count) values, or some are not finite"]
    }
    let ownLength = Self.norm(gradient)
    if ownLength == 0 && !vanishes { failures.append("\(name) has no gradient") }
    for kind in vanishes ? 2..<3 : 0..<3 {
      let weights = ReferenceValues.values("\(name) \(kind)", count: values.count, center: 0, amplitude: 1)
      let direction: [Float] = kind < 2 ? zip(gradient, weights).map { $0 * (1 + $1) } : weights.map { $0 > 0 ? 1 : -1 }
      let length = Self.norm(direction)
      // This is <gradient, direction>, or its average size for random signs.
      let slope = kind < 2 ? zip(gradient, direction).reduce(0) { $0 + Double($1.0 * $1.1) } : ownLength
      let size = max(Self.norm(values), 0.05 * Double(values.count).squareRoot())
      let h: Double
      switch step {
      case .change(let change) where !vanishes: h = change / (2 * slope)
      case .change: h = 1e-3 * size / length
      case .relative(let part): h = part * size / length
      }
      let start = Array(values)
      func moved(_ sign: Double) -> Double {
        for i in values.indices { values[i] = Float(Double(start[i]) + sign * h * Double(direction[i])) }
        return loss()
      }
      // The differences use the steps as rounded to float32.
      let above = moved(1)
      let taken = values.indices.map { Double(values[$0]) }
      let below = moved(-1)
      let expected = values.indices.reduce(0.0) { $0 + Double(gradient[$1]) * (taken[$1] - Double(values[$1])) }
      for i in values.indices { values[i] = start[i] }
      let found = above - below
      let bound = vanishes ? 30 * noise : (kind < 2 ? tolerance.0 : tolerance.1) * 2 * h * slope + noise
      if !(abs(found - expected) <= bound) {
        failures.append("\(name), direction \(kind): \(found) instead of \(expected), bound \(bound)")
      }
      if !vanishes && !(2 * h * slope > 20 * noise) {
        failures.append("\(name): the step of \(2 * h * slope) is lost in noise of \(noise)")
      }
    }
    return failures
  }

  package static func norm(_ values: some Sequence<Float>) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }
}
