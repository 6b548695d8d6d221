// SIGTERM, SIGUSR1 and SIGUSR2 end a run at the end of the iteration, with a checkpoint: what a batch system sends before
// the time is up. A handler may do next to nothing, so it sets a flag that the loop looks at.
import Foundation
import Synchronization

package enum StopSignals {
  private static let received = Atomic<Int32>(0)

  package static func watch() {
    for number in [SIGTERM, SIGUSR1, SIGUSR2] {
      signal(number) { StopSignals.received.store($0, ordering: .relaxed) }
    }
  }

  /// The signal that came, if one did.
  package static var last: Int32? {
    let value = received.load(ordering: .relaxed)
    return value == 0 ? nil : value
  }
}
