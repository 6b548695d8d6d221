// Threads of one rank: the cores that it may use, shared with the ranks that may use the same ones.
import Cluster
import Foundation
import Workers

package enum ThreadShare {
  /// `configured` threads, or for 0 the cores in this rank's affinity mask divided by the ranks of the node that have the
  /// very same mask: under `mpirun --bind-to core` each has its own, without binding all have the whole node.
  package static func threads(configured: Int, _ communicator: Communicator) throws -> Int {
    let place = Array((communicator.nodeName + " " + AvailableCores.list).utf8)
    let hash = place.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    let sharing = try communicator.allGather([hash]).count { $0 == [hash] }
    return configured > 0 ? configured : max(AvailableCores.count / max(sharing, 1), 1)
  }
}
