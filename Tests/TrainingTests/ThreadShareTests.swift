// How cores and their time are divided among ranks.
import Testing
import Training
import Compute

@Suite struct ThreadShareTests {
  private func share(_ mask: Int, _ ranks: Int, _ quota: Double? = nil, _ inGroup: Int = 1) -> Int {
    ThreadShare.share(
      mask: mask, ranksInMask: ranks, quota: quota.map { CPUQuota(cores: $0, group: "g") }, ranksInGroup: inGroup)
  }

  @Test func coresAreDividedAmongRanksOfTheSameMask() {
    #expect(share(8, 1) == 8)
    #expect(share(8, 3) == 2)
    #expect(share(2, 5) == 1)
  }

  @Test func timeIsDividedAmongRanksOfTheSameGroup() {
    // Two ranks bound to four cores each, in one group of six cores' time.
    #expect(share(4, 1, 6, 2) == 3)
    // Two containers of two cores' time each on a machine of 64.
    #expect(share(64, 1, 2, 1) == 2)
    #expect(share(4, 2, 64, 2) == 2)
    #expect(share(4, 1, 0.5, 2) == 1)
  }
}
