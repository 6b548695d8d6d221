// Measurement of times, and medians.
import Foundation

/// Times of calls in seconds.
package enum Timing {
  /// Returns the time of one call.
  package static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    try body()
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
  }

  /// Returns the times of `repeats` calls, after one call that does not count.
  package static func repeated(_ repeats: Int, _ body: () -> Void) -> [Double] {
    body()
    return (0..<repeats).map { _ in seconds(body) }
  }

  /// Returns the middle value, or the mean of the two in the middle.
  package static func median(_ values: [Double]) -> Double {
    precondition(!values.isEmpty, "the median of nothing")
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
