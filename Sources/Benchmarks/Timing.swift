// Timing of repeated calls, and the median of the times.
import Support

/// Times of calls in seconds.
package enum Timing {
  /// Returns the seconds of one call.
  package static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = MonotonicClock.now
    try body()
    return MonotonicClock.now - start
  }

  /// Returns the seconds of each of `repeats` calls, after one that is not counted.
  package static func repeated(_ repeats: Int, _ body: () -> Void) -> [Double] {
    body()
    return (0..<repeats).map { _ in seconds(body) }
  }

  /// Returns the middle value, or the mean of the two middle values.
  package static func median(_ values: [Double]) -> Double {
    precondition(!values.isEmpty, "the median of nothing")
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
