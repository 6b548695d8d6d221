// The accounting of memory by use.
import Compute
import Testing

@Suite struct MemoryUseTests {
  @Test("Live memory is counted by its use, in whole pages.") func countsWhatIsAliveByItsUse() {
    let before = MemoryUse.current
    do {
      let a = AlignedMemory(floats: 5000, for: .snapshot)
      let b = AlignedMemory(floats: 1, for: .momentum)
      let within = MemoryUse.current
      let grown = MemoryUse.allCases.map { within[$0]! - before[$0]! }
      // Whole pages.
      #expect(grown == MemoryUse.allCases.map { $0 == .snapshot ? 5 * 4096 : $0 == .momentum ? 4096 : 0 })
      withExtendedLifetime((a, b)) {}
    }
    #expect(MemoryUse.current == before)
  }
}
