// The seconds that one rank spent computing, waiting and transferring.

/// Seconds of one rank since its last report.
package struct RankTimes: Equatable {
  package var compute = 0.0
  /// Waiting for data.
  package var data = 0.0
  /// Waiting for messages.
  package var wait = 0.0
  /// Seconds in which messages were in flight, most of them while the rank computed.
  package var transfer = 0.0

  package init(compute: Double = 0, data: Double = 0, wait: Double = 0, transfer: Double = 0) {
    self.compute = compute
    self.data = data
    self.wait = wait
    self.transfer = transfer
  }
}
