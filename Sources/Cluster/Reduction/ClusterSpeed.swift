// The speed of a cluster's links and cores, which decides how large gradients are exchanged and how many messages are
// queued.

/// The slowest rank's and link's speed; the same figures on all ranks, or the ranks would choose differently.
package struct ClusterSpeed: Sendable, Equatable {
  /// Payload bytes per second from each rank to the next while all send; infinite for a single rank.
  package var bandwidth: Double
  /// Multiply-adds per second in gradients that are computed from factors.
  package var multiplyAddRate: Double

  package init(bandwidth: Double, multiplyAddRate: Double) {
    self.bandwidth = bandwidth
    self.multiplyAddRate = multiplyAddRate
  }

  /// The value for `Communicator.window`. It keeps the link busy from one poll of the messages to the next, which takes
  /// a few milliseconds; more would delay the messages that are needed first.
  package var window: Int { bandwidth.isFinite ? max(Int(bandwidth * 20e-3), 1 << 20) : .max }
}
