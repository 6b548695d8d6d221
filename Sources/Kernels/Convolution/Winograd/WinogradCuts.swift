// The cost model by which Winograd layers are cut into tasks. Cuts depend on the shape alone, and so do results.
//
// Few tasks leave cores idle; many small ones repeat transforms and reads of weights. Each plan estimates the cost of
// every way to cut and takes the one that serves 1 to 16 threads best overall. Estimates are in cycles of a core with
// one product of 16 lanes per cycle and need to be right only roughly.
//
// Goals, in order of priority: no idle cores, little waste, brevity.

/// The costs of tasks, and even partitions.
enum WinogradCuts {
  /// The cost of handing out a task.
  private static let handling = 3_000
  /// Cycles per tile and vector of 16 channels: into the Winograd domain, and back.
  static let inputTransform = 160
  static let outputTransform = 130

  /// The numbers of threads to serve. Small numbers, on which small networks run, count more.
  private static let threads = [1, 1, 1, 2, 2, 2, 4, 4, 8, 16]

  /// Returns time times threads, summed over `threads`, for `tasks` of which none takes longer than `longest`.
  static func cost(tasks: Int, longest: Int) -> Int {
    var sum = 0
    for threads in Self.threads { sum += threads * ((tasks + threads - 1) / threads) * (longest + handling) }
    return sum
  }

  /// Returns part `index` of 0..<count when it is cut into `parts` of nearly equal size.
  @inline(__always)
  static func part(_ index: Int, of parts: Int, count: Int) -> Range<Int> {
    index * count / parts..<(index + 1) * count / parts
  }
}
