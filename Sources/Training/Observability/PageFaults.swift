// The number of page faults of the process. It should stand still during training: a fault means that an iteration
// touches memory for the first time.
import Foundation

enum PageFaults {
  /// The page faults of all threads so far, with and without a read from disk.
  static var count: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_minflt + usage.ru_majflt
  }
}
