// The progress line of a training phase.
import Foundation
import Support

extension ProgressDisplay {
  /// Shows one iteration out of all iterations of its phase.
  func show(_ metrics: IterationMetrics, of iterations: Int) {
    let line = String(
      format: "%@ %d/%d  loss %.4f  accuracy %.1f%%  rate %.3g  %.1f images/s", metrics.phase, metrics.iteration,
      iterations, metrics.loss, 100 * metrics.accuracy, metrics.learningRate, metrics.examplesPerSecond)
    show(line, done: metrics.iteration, of: iterations)
  }
}
