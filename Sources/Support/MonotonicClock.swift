// The clock by which all durations are measured.
import Foundation

/// The machine's monotonic clock (CLOCK_MONOTONIC): it is not set, and it counts from an arbitrary moment, so only
/// differences of two readings mean something, and only on one machine.
package enum MonotonicClock {
  package static var nanoseconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// The reading in seconds.
  package static var now: Double { Double(nanoseconds) * 1e-9 }
}
