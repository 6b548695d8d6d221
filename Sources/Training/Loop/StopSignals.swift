// The signals SIGTERM, SIGUSR1 and SIGUSR2, which end a run after the current iteration, with a checkpoint. Batch
// systems send them before a job's time is up. A signal handler may do very little, so it only sets a flag that the
// loop reads.
import Foundation
import Synchronization

package enum StopSignals {
  private static let received = Atomic<Int32>(0)

  package static func watch() {
    for number in [SIGTERM, SIGUSR1, SIGUSR2] {
      signal(number) { StopSignals.received.store($0, ordering: .relaxed) }
    }
  }

  /// The last signal received, if any.
  package static var last: Int32? {
    let value = received.load(ordering: .relaxed)
    return value == 0 ? nil : value
  }
}
