// How the work of a layer is cut into tasks: by its shape alone, so that results depend on nothing else.
//
// Few tasks leave cores idle; many small ones transform the same values again and read the same weights again. Each
// plan estimates the cost of a task for every way to cut and takes the one that serves 1 to 16 threads best on the
// whole. The estimates are in cycles of a core with one product of 16 lanes a cycle and need to be right only roughly.
//
// Goals, in this order: no idle cores, little waste, brevity.

enum WinogradCuts {
  /// What it costs to hand out a task.
  private static let handling = 3_000
  /// Cycles for one vector of 16 channels of a tile: into the Winograd domain, and back.
  static let inputTransform = 160
  static let outputTransform = 130

  /// Numbers of threads to serve; the few that small networks run on count more.
  private static let threads = [1, 1, 1, 2, 2, 2, 4, 4, 8, 16]

  /// Time times threads, summed over `threads`, of `tasks` of which none takes longer than `longest`.
  static func cost(tasks: Int, longest: Int) -> Int {
    var sum = 0
    for threads in Self.threads { sum += threads * ((tasks + threads - 1) / threads) * (longest + handling) }
    return sum
  }

  /// The part of 0..<count that falls to `index` when it is cut into `parts` as even as can be.
  @inline(__always)
  static func part(_ index: Int, of parts: Int, count: Int) -> Range<Int> {
    index * count / parts..<(index + 1) * count / parts
  }
}
