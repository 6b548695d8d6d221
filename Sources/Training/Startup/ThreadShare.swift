// Threads of one rank: the cores that it may use, shared with the ranks that may use the same ones.
import Cluster
import Compute
import Foundation

package enum ThreadShare {
  /// `configured` threads, or for 0 the cores in this rank's affinity mask divided by the ranks of the node that have the
  /// very same mask: under `mpirun --bind-to core` each has its own, without binding all have the whole node. Where a
  /// control group limits their time, that is divided by the node's ranks in it.
  package static func threads(configured: Int, _ communicator: Communicator) throws -> Int {
    let quota = CPUQuota.here
    let own = [AvailableCores.list, quota?.group ?? ""].map { hash(communicator.nodeName + " " + $0) }
    let all = try communicator.allGather(own)
    if configured > 0 { return configured }
    return share(
      mask: AvailableCores.inMask, ranksInMask: all.count { $0[0] == own[0] }, quota: quota,
      ranksInGroup: all.count { $0[1] == own[1] })
  }

  /// A rank's threads: no more than its part of the cores, nor than its part of the time; at least one.
  package static func share(mask: Int, ranksInMask: Int, quota: CPUQuota?, ranksInGroup: Int) -> Int {
    let cores = max(mask / max(ranksInMask, 1), 1)
    return quota.map { min(cores, max($0.threads / max(ranksInGroup, 1), 1)) } ?? cores
  }

  private static func hash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}
