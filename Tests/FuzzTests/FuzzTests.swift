// A short fuzzing run of every decoder by the program that Launch/fuzz runs for longer.
import Foundation
import Testing

@Suite(.serialized) struct FuzzTests {
  @Test("Damaged files are refused or decoded.", arguments: ["jpeg", "png", "mask", "mat", "list", "pack", "crops"])
  func damagedFilesAreRefusedOrDecoded(decoder: String) throws {
    // Decoders that read files are slower.
    let count = ["mat", "list", "pack"].contains(decoder) ? 2000 : 20000
    let run = try Self.run(["--decoder", decoder, "--count", "\(count)"])
    #expect(
      run.status == 0 && run.output.contains("\(decoder): \(count) inputs") && run.output.contains("no input failed"),
      "\(run.output)")
    // Some inputs must be accepted and others refused for several reasons, or the deeper checks are not reached.
    let kinds = run.output.split(separator: "\n").filter { $0.contains(" %  ") }
    // Lists have few kinds of faults.
    #expect(
      kinds.count >= (decoder == "list" ? 2 : 4) && kinds[0].contains("accepted") && !kinds[0].contains(" 0.0 %")
        && !kinds[0].contains("100.0 %"), "\(run.output)")
  }

  @Test("The outcomes do not depend on the number of processes.")
  func theNumberOfProcessesDoesNotMatter() throws {
    let tables = try ["1", "3"].map { processes in
      try Self.run(["--decoder", "png", "--count", "3000", "--processes", processes]).output.split(separator: "\n")
        .dropFirst()
    }
    #expect(tables[0] == tables[1] && tables[0].count > 3)
  }

  @Test("Unknown options are refused.")
  func unknownOptionsAreRefused() throws {
    #expect(try Self.run(["--decoder", "gif"]).status == 2)
    #expect(try Self.run(["--only", "3"]).status == 2)
  }

  private static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let folder = NSTemporaryDirectory() + "dnet-fuzz-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("dnet-fuzz")
    process.arguments = arguments + (arguments.contains("--only") ? [] : ["--failures", folder])
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
