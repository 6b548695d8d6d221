// The time before a deadline at which training must stop, so that one more iteration and a checkpoint fit. All
// durations are estimates from past iterations.

struct DeadlineMargin {
  /// The longest iteration. The first one of a process does not count, because it also decodes images.
  private var longestIteration = 0.0
  private var iterations = 0
  /// The longest time from gathering the momentum to the last byte on disk.
  private var longestCheckpoint: Double?
  private let expectedCheckpoint: Double

  /// - Parameter floats: the values in a checkpoint; until the first one is written, 100 MB/s are assumed.
  init(checkpointFloats floats: Int) { expectedCheckpoint = Double(4 * floats) / 100e6 }

  mutating func note(iteration seconds: Double) {
    iterations += 1
    if iterations > 1 { longestIteration = max(longestIteration, seconds) }
  }

  mutating func note(checkpoint seconds: Double) { longestCheckpoint = max(longestCheckpoint ?? 0, seconds) }

  var seconds: Double { longestIteration + 1.5 * (longestCheckpoint ?? expectedCheckpoint) + 1 }
}
