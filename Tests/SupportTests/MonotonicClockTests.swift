// Tests of the clock.
import Foundation
import Support
import Testing

@Suite struct MonotonicClockTests {
  @Test("The clock measures a pause in seconds and in nanoseconds.")
  func measuresAPause() {
    let start = MonotonicClock.now
    let nanoseconds = MonotonicClock.nanoseconds
    Thread.sleep(forTimeInterval: 0.02)
    #expect((0.02..<5).contains(MonotonicClock.now - start))
    #expect((20_000_000..<5_000_000_000).contains(MonotonicClock.nanoseconds - nanoseconds))
  }
}
