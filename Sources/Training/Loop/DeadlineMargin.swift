// How long before a time limit training must stop: an iteration and a checkpoint are still to come, and none of them has
// been promised a duration.

struct DeadlineMargin {
  /// Of an iteration; the first of a process does not count, pictures are decoded in it.
  private var longestIteration = 0.0
  private var iterations = 0
  /// From the gathering of the velocity to the last byte on disk.
  private var longestCheckpoint: Double?
  private let expectedCheckpoint: Double

  /// - Parameter floats: of a checkpoint; before the first, 100 MB/s are reckoned with.
  init(checkpointFloats floats: Int) { expectedCheckpoint = Double(4 * floats) / 100e6 }

  mutating func note(iteration seconds: Double) {
    iterations += 1
    if iterations > 1 { longestIteration = max(longestIteration, seconds) }
  }

  mutating func note(checkpoint seconds: Double) { longestCheckpoint = max(longestCheckpoint ?? 0, seconds) }

  var seconds: Double { longestIteration + 1.5 * (longestCheckpoint ?? expectedCheckpoint) + 1 }
}
