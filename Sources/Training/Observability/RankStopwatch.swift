// The measurement of the time that this rank spends computing, waiting for data and waiting for other ranks.
import Cluster
import Support

/// Measures the times of this rank.
package final class RankStopwatch {
  private let communicator: Communicator
  private var dataSeconds = 0.0
  /// The time and the counters at the last report.
  private var lapStart = MonotonicClock.now
  private var lapBefore: RankTimes
  /// The time and the seconds of waiting at the end of the last iteration.
  private var iterationStart = MonotonicClock.now
  private var iterationBefore: Double

  init(_ communicator: Communicator) {
    self.communicator = communicator
    lapBefore = RankTimes(wait: communicator.secondsWaiting, transfer: communicator.secondsTransferring)
    iterationBefore = communicator.secondsWaiting
  }

  /// Runs `body` and counts its time as waiting for data.
  func data<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = MonotonicClock.now
    defer { dataSeconds += MonotonicClock.now - start }
    return try body()
  }

  /// Returns the times since the last lap.
  package func lap() -> RankTimes {
    let now = RankTimes(
      data: dataSeconds, wait: communicator.secondsWaiting, transfer: communicator.secondsTransferring)
    var times = RankTimes(
      data: now.data - lapBefore.data, wait: now.wait - lapBefore.wait, transfer: now.transfer - lapBefore.transfer)
    times.compute = MonotonicClock.now - lapStart - times.data - times.wait
    lapStart = MonotonicClock.now
    lapBefore = now
    return times
  }

  /// Returns the seconds since the last call, and those of them that were spent waiting for data or other ranks.
  package func iteration() -> (seconds: Double, waiting: Double) {
    let now = MonotonicClock.now
    let waited = communicator.secondsWaiting + dataSeconds
    defer {
      iterationStart = now
      iterationBefore = waited
    }
    return (now - iterationStart, waited - iterationBefore)
  }
}
