// The checksum of gradients: sensitive to every bit and to the order of the values.
import Compute
import Testing

@Suite struct GradientChecksumTests {
  private func checksum(_ values: [Float]) -> UInt64 {
    var checksum = GradientChecksum()
    checksum.add(values, count: values.count)
    return checksum.value
  }

  @Test("Every bit of every value changes the checksum.", arguments: [1, 2, 7])
  func everyBitCounts(count: Int) {
    let values = (0..<count).map { Float($0) + 0.5 }
    var seen: Set<UInt64> = [checksum(values)]
    for index in values.indices {
      for bit in 0..<32 {
        var changed = values
        changed[index] = Float(bitPattern: values[index].bitPattern ^ (1 << UInt32(bit)))
        seen.insert(checksum(changed))
      }
    }
    #expect(seen.count == 1 + 32 * count)
  }

  @Test("The order and the sign of zeros change the checksum.") func orderCounts() {
    #expect(checksum([1, 2, 3, 4]) != checksum([3, 4, 1, 2]))
    #expect(checksum([1, 2, 3, 4]) != checksum([2, 1, 3, 4]))
    #expect(checksum([0, 1]) != checksum([-0.0, 1]))
  }

  @Test("The checksum of no value is the initial value of FNV-1a.") func emptyChecksum() {
    #expect(checksum([]) == 0xcbf2_9ce4_8422_2325)
  }

  @Test("The checksum is the same on every machine.") func knownValue() {
    var expected: UInt64 = 0xcbf2_9ce4_8422_2325
    for word in [UInt64(0x4000_0000_3f80_0000), 0x4040_0000] {
      expected = (expected ^ word) &* 0x100_0000_01b3
      expected ^= expected >> 29
    }
    #expect(checksum([1, 2, 3]) == expected)
  }
}
