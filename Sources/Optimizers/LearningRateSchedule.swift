// The learning rate over the iterations of a phase: the "step" policy of the authors' solver files.

/// rate(i) = base * gamma^floor(i / step), iterations from 0. A step of 0 keeps the base rate.
/// Source: docs/reference.md section 3 (solver.prototxt: lr_policy "step", gamma, stepsize).
package struct LearningRateSchedule: Sendable, Equatable {
  package let base: Double
  /// Iterations between two drops of the rate; 0 for none.
  package let step: Int
  package let gamma: Double

  package init(base: Double, step: Int = 0, gamma: Double = 1) {
    precondition(step >= 0, "a schedule's step of \(step) iterations is negative")
    self.base = base
    self.step = step
    self.gamma = gamma
  }

  /// Returns the rate of an iteration, counted from 0. Multiplies repeatedly, because `pow` may differ between C
  /// libraries.
  package func rate(at iteration: Int) -> Float {
    precondition(iteration >= 0, "iteration \(iteration)")
    guard step > 0, gamma != 1 else { return Float(base) }
    var rate = base
    for _ in 0..<iteration / step where rate != 0 { rate *= gamma }
    return Float(rate)
  }
}
