// Runs of Tests/cluster-check under mpirun, with all ranks on one host.
import Foundation
import Testing

@Suite(.serialized) struct RanksTests {
  @Test("Any number of ranks gives the bits of one rank, of the naive reduction and of plain loops.")
  func anyNumberOfRanksGivesTheBitsOfOne() throws {
    let alone = try Ranks.run(1, "agreement")
    #expect(alone.status == 0, "\(alone.output)")
    let lines = Set(alone.lines)
    #expect(lines.count == 1 + 7 * 3)
    for ranks in [2, 3, 4, 5, 7, 8, 16] {
      let result = try Ranks.run(ranks, "agreement")
      #expect(result.status == 0, "\(ranks) ranks: \(result.output)")
      let shards = [1, 2, 3, 5, 8, 13, 16].filter { $0 >= ranks }
      #expect(result.lines.count == 1 + shards.count * 3, "\(ranks) ranks: \(result.output)")
      #expect(lines.isSuperset(of: result.lines), "\(ranks) ranks: \(result.output)")
    }
  }

  @Test("A single process runs without mpirun.")
  func aSingleProcessNeedsNoLauncher() throws {
    let result = try Ranks.run(nil, "agreement")
    #expect(result.status == 0, "\(result.output)")
    #expect(Set(result.lines) == Set(try Ranks.run(1, "agreement").lines))
  }

  @Test("An error on one rank is thrown on all ranks.")
  func anErrorOnOneRankIsThrownOnAll() throws {
    let result = try Ranks.run(3, "failure")
    #expect(result.status == 0 && result.lines == ["all ranks failed"], "\(result.output)")
  }

  @Test("An abort ends all ranks.")
  func abortEndsAllRanks() throws {
    let result = try Ranks.run(3, "abort")
    #expect(result.status != 0)
    #expect(!result.output.contains("continued"), "\(result.output)")
  }

  @Test("A rank that waits leaves its core to other threads.")
  func waitingLeavesTheCoreToOthers() throws {
    let result = try Ranks.run(3, "waiting")
    #expect(result.status == 0, "\(result.output)")
  }
}

/// Runs of the check program.
enum Ranks {
  struct Result {
    let status: Int32
    let output: String
    var lines: [String] { output.split(separator: "\n").map(String.init).filter { !$0.isEmpty } }
  }

  /// Runs `cluster-check MODE` on a number of ranks; nil starts it without mpirun.
  static func run(_ ranks: Int?, _ mode: String) throws -> Result {
    let check = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("cluster-check").path
    let process = Process()
    var environment = ProcessInfo.processInfo.environment
    environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
    environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
    environment["OMPI_MCA_btl_base_warn_component_unused"] = "0"
    environment["SWIFT_BACKTRACE"] = "enable=no"
    process.environment = environment
    if let ranks {
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["mpirun", "-n", "\(ranks)", check, mode]
    } else {
      process.executableURL = URL(fileURLWithPath: check)
      process.arguments = [mode]
    }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }
}
