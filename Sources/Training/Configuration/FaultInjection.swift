// Deliberate faults, which show how a job of several ranks reacts to a failure.

/// `--inject-fault FAULT:RANK:ITERATION`: a deliberate fault that shows how a job reacts to one.
package struct FaultInjection: Sendable, Equatable {
  package enum Fault: String, Sendable, CaseIterable {
    /// Kills the rank's process (SIGKILL).
    case kill
    /// Freezes the rank's process (SIGSTOP).
    case stop
    /// Puts a NaN into the rank's gradient.
    case nan
    /// Flips a bit of the rank's gradient, which no check during training detects.
    case flip
  }

  package let fault: Fault
  package let rank: Int
  /// The iteration of the phase, counted from 1.
  package let iteration: Int

  /// Parses FAULT:RANK:ITERATION; returns nil for text of another form.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let fault = Fault(rawValue: String(parts[0])), let rank = Int(parts[1]), rank >= 0,
      let iteration = Int(parts[2]), iteration >= 1
    else { return nil }
    self.fault = fault
    self.rank = rank
    self.iteration = iteration
  }
}
