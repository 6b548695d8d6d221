// The pauses of the communication thread between two polls.
import Support

/// The state of a backoff. While a caller is blocked: no pause for the first 50 microseconds without an arrival, then
/// 20 microseconds, growing by half up to 500; otherwise 100 microseconds, growing by half up to 500.
struct Backoff {
  private static let busy = 50_000
  private static let urgent = 20_000...500_000
  private static let relaxed = 100_000...500_000

  private var lastArrival = MonotonicClock.nanoseconds
  private var last = 0

  /// Starts again with the shortest pause, after an arrival: more may follow.
  mutating func reset() {
    lastArrival = MonotonicClock.nanoseconds
    last = 0
  }

  /// Returns the nanoseconds until the next poll; nil for an immediate one.
  mutating func pause(isUrgent: Bool = true) -> Int? {
    if isUrgent && MonotonicClock.nanoseconds - lastArrival < Self.busy { return nil }
    let pauses = isUrgent ? Self.urgent : Self.relaxed
    last = last == 0 ? pauses.lowerBound : min(last + last / 2, pauses.upperBound)
    return last
  }

}
