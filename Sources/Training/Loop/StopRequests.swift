// A rank's reasons to end training.

/// A rank's reasons to stop after an iteration.
package struct StopRequests: Equatable, Sendable {
  /// A signal has arrived.
  package var signalled = false
  /// The time limit leaves no room for another iteration and a checkpoint.
  package var pastDeadline = false

  package init(signalled: Bool = false, pastDeadline: Bool = false) {
    self.signalled = signalled
    self.pastDeadline = pastDeadline
  }
}
