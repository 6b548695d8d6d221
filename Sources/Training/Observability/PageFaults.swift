// How often the process has met memory that was not there yet. In the loop this should stand still: a fault means that
// something is still asked for in every iteration.
import Foundation

enum PageFaults {
  /// Faults of all threads so far, with and without a read from disk.
  static var count: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_minflt + usage.ru_majflt
  }
}
