// The number of threads of a rank: its share of the cores that it may use together with other ranks.
import Cluster
import Compute
import Randomness

package enum ThreadShare {
  /// Returns `configured`, or for 0 the number of cores in this rank's affinity mask divided by the number of ranks on
  /// the node that have the same mask. With `mpirun --bind-to core` each rank has its own mask; without binding all
  /// ranks share the whole node. A CPU quota of the control group is divided by the number of the node's ranks in the
  /// group. Collective.
  package static func threads(configured: Int, _ communicator: Communicator) throws -> Int {
    let quota = CPUQuota.here
    let own = [AvailableCores.list, quota?.group ?? ""].map {
      CounterRandom.word(of: communicator.nodeName + " " + $0)
    }
    let all = try communicator.allGather(own)
    if configured > 0 { return configured }
    return share(
      mask: AvailableCores.inMask, ranksInMask: all.count { $0[0] == own[0] }, quota: quota,
      ranksInGroup: all.count { $0[1] == own[1] })
  }

  /// Returns the smaller of a rank's shares of the cores and of the quota, but at least 1.
  package static func share(mask: Int, ranksInMask: Int, quota: CPUQuota?, ranksInGroup: Int) -> Int {
    let cores = max(mask / max(ranksInMask, 1), 1)
    return quota.map { min(cores, max($0.threads / max(ranksInGroup, 1), 1)) } ?? cores
  }
}
