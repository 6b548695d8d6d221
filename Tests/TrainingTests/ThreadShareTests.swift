// Tests of `ThreadShare`: the division of cores and CPU quotas among ranks.
import Compute
import Testing
import Training

@Suite struct ThreadShareTests {
  private func share(_ mask: Int, _ ranks: Int, _ quota: Double? = nil, _ inGroup: Int = 1) -> Int {
    ThreadShare.share(
      mask: mask, ranksInMask: ranks, quota: quota.map { CPUQuota(cores: $0, group: "g") }, ranksInGroup: inGroup)
  }

  @Test("Ranks with the same affinity mask divide its cores.") func cores() {
    #expect(share(8, 1) == 8)
    #expect(share(8, 3) == 2)
    #expect(share(2, 5) == 1)
  }

  @Test("Ranks in the same control group divide its quota.") func quotas() {
    // Two ranks bound to four cores each, in one group with a quota of six cores.
    #expect(share(4, 1, 6, 2) == 3)
    // Two containers with a quota of two cores each on a machine of 64 cores.
    #expect(share(64, 1, 2, 1) == 2)
    #expect(share(4, 2, 64, 2) == 2)
    #expect(share(4, 1, 0.5, 2) == 1)
  }
}
