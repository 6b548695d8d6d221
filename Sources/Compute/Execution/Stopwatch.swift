// A stopwatch over the stages of a step.
import Foundation

/// Seconds by stage, in the order in which stages first began. Each instant belongs to the stage that began last, so
/// the sum over the stages is the whole step but for what precedes the first one.
package final class Stopwatch {
  package private(set) var stages: [Stage] = []
  package private(set) var seconds: [Stage: Double] = [:]
  /// How often each stage began.
  package private(set) var calls: [Stage: Int] = [:]
  private var current: Stage?
  private var began: UInt64 = 0

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
    began = DispatchTime.now().uptimeNanoseconds
  }

  /// Ends the current stage.
  package func stop() {
    guard let stage = current else { return }
    seconds[stage]! += Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
    current = nil
  }
}
