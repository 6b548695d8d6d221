// Where the time of a step goes: layers say which stage they begin, and a stopwatch, where there is one, takes the lap.
import Support

/// What a layer does in a stage.
package enum Pass: String, Sendable, CaseIterable {
  case forward
  /// Backward through what has no weights of its own, or where both gradients come from one sweep.
  case backward
  case dataGradient = "data gradient"
  case weightGradient = "weight gradient"
}

/// A layer's pass. Layers are called by their parameters' names without `.weight`; what has no parameters by a name of
/// the same form, such as `classification.pool1`.
package struct Stage: Hashable, Sendable {
  package let layer: String
  package let pass: Pass

  package init(_ layer: String, _ pass: Pass) {
    self.layer = layer
    self.pass = pass
  }
}

/// Seconds by stage, in the order in which stages first began. Each instant belongs to the stage that began last, so
/// the sum over the stages is the whole step but for what precedes the first one.
package final class Stopwatch {
  package private(set) var stages: [Stage] = []
  package private(set) var seconds: [Stage: Double] = [:]
  /// How often each stage began.
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
