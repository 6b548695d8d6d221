// Aligned memory: zeroed, aligned, of the requested size.
import Compute
import Testing

@Suite struct AlignedMemoryTests {
  @Test("Memory is zeroed and aligned.", arguments: [0, 1, 15, 1024, 1025, 3_000_000])
  func memoryIsZeroedAndAligned(floats: Int) {
    let memory = AlignedMemory(floats: floats)
    #expect(memory.count == floats && memory.buffer.count == floats)
    #expect(UInt(bitPattern: memory.pointer) % 64 == 0)
    #expect(memory.buffer.allSatisfy { $0 == 0 })
    memory.buffer.update(repeating: 3)
    memory.zero()
    #expect(memory.buffer.allSatisfy { $0 == 0 })
  }
}
