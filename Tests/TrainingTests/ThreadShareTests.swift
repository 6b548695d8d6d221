// Tests of `ThreadShare`: the division of cores and CPU quotas among ranks.
import Compute
import Testing
import Training

@Suite struct ThreadShareTests {
  private func share(mask: Int, ranks: Int, quota: Double? = nil, inGroup: Int = 1) -> Int {
    ThreadShare.share(
      mask: mask, ranksInMask: ranks, quota: quota.map { CPUQuota(cores: $0, group: "g") }, ranksInGroup: inGroup)
  }

  @Test("Ranks with the same affinity mask divide its cores.") func cores() {
    #expect(share(mask: 8, ranks: 1) == 8)
    #expect(share(mask: 8, ranks: 3) == 2)
    #expect(share(mask: 2, ranks: 5) == 1)
  }

  @Test("Ranks in the same control group divide its quota.") func quotas() {
    // Two ranks bound to four cores each, in one group with a quota of six cores.
    #expect(share(mask: 4, ranks: 1, quota: 6, inGroup: 2) == 3)
    // Two containers with a quota of two cores each on a machine of 64 cores.
    #expect(share(mask: 64, ranks: 1, quota: 2, inGroup: 1) == 2)
    #expect(share(mask: 4, ranks: 2, quota: 64, inGroup: 2) == 2)
    #expect(share(mask: 4, ranks: 1, quota: 0.5, inGroup: 2) == 1)
  }
}
