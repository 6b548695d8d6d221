// Core lists in the kernel's format, and the count against the affinity mask.
import Compute
import Foundation
import Testing

@Suite struct AvailableCoresTests {
  @Test(
    "The cores of a list are counted.",
    arguments: [
      ("0", 1), ("7", 1), ("0-3", 4), ("0-3,8", 5), ("0,2,4", 3), ("5-5", 1), ("0-1,4-5,64-127", 68), (" 0-3, 8", 5),
    ])
  func listsAreCounted(text: String, cores: Int) { #expect(AvailableCores.count(inList: text) == cores) }

  @Test(
    "Any other text is not a list.", arguments: ["", "none", "3-1", "0-1-2", "a-b", "0,x", "-", "3-", "-3", "0,,2"])
  func otherTextIsNoList(text: String) { #expect(AvailableCores.count(inList: text) == nil) }

  /// The kernel reports the mask in two forms: as a list, and as hexadecimal words.
  @Test("The count equals the bits of the affinity mask.") func theCountIsTheAffinityMasks() throws {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") })
    let words = try line.dropFirst("Cpus_allowed:".count).trimmingCharacters(in: .whitespaces).split(separator: ",")
      .map { try #require(UInt64($0, radix: 16)) }
    let cores = words.reduce(0) { $0 + $1.nonzeroBitCount }
    #expect(AvailableCores.inMask == cores)
    #expect((1...cores).contains(AvailableCores.count))
    #expect(AvailableCores.count(inList: AvailableCores.list) == cores)
  }
}
