// A stopwatch over the stages of a step.
import Support

/// Seconds by stage, in the order in which stages first began. Each instant belongs to the stage that began last, so
/// the sum over the stages is the whole step but for what precedes the first one.
package final class Stopwatch {
  package private(set) var stages: [Stage] = []
  package private(set) var seconds: [Stage: Double] = [:]
  /// The number of times that each stage began.
  package private(set) var calls: [Stage: Int] = [:]
  private var current: Stage?
  private var began = 0.0

  package init() {}

  /// Ends the current stage, if any, and begins this one.
  package func begin(_ stage: Stage) {
    stop()
    if seconds[stage] == nil {
      stages.append(stage)
      seconds[stage] = 0
    }
    calls[stage, default: 0] += 1
    current = stage
    began = MonotonicClock.now
  }

  /// Ends the current stage.
  package func stop() {
    guard let stage = current else { return }
    seconds[stage]! += MonotonicClock.now - began
    current = nil
  }
}
