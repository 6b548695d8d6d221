// The pauses of a thread that polls.
import Support

/// How long to stay away between two looks. Where somebody waits: not at all for the first 50 microseconds without news, then
/// 20 microseconds, half as much more each time, up to 500. Else 100 microseconds, half as much more each time, up to 500.
struct Backoff {
  private static let busy = 50_000
  private static let hurried = 20_000...500_000
  private static let idle = 100_000...500_000

  private var lastNews = MonotonicClock.nanoseconds
  private var last = 0

  /// Something arrived: more may be on its way.
  mutating func reset() {
    lastNews = MonotonicClock.nanoseconds
    last = 0
  }

  /// Nanoseconds until the next look; nil for at once.
  mutating func nap(isHurried: Bool = true) -> Int? {
    if isHurried && MonotonicClock.nanoseconds - lastNews < Self.busy { return nil }
    let naps = isHurried ? Self.hurried : Self.idle
    last = last == 0 ? naps.lowerBound : min(last + last / 2, naps.upperBound)
    return last
  }
}
