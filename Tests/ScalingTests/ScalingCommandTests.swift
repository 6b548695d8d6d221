// Runs of `dnet bench --scaling` under mpirun with a tiny network.
import Foundation
import Testing

@Suite(.serialized) struct ScalingCommandTests {
  private func report(_ ranks: Int?, _ more: [String]) throws -> [String: Any] {
    let json = NSTemporaryDirectory() + "dnet-scaling-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: json) }
    let result = try run(
      ranks,
      [
        "--width", "0.0625", "--size", "32", "--shard-size", "2", "--shards", "4", "--threads", "1", "--iterations",
        "3",
        "--json", json,
      ] + more)
    #expect(result.status == 0, "\(result.output)")
    let data = try Data(contentsOf: URL(fileURLWithPath: json))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// Runs `dnet bench --scaling` on a number of ranks; nil starts it without mpirun.
  private func run(_ ranks: Int?, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let dnet = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("dnet").path
    let process = Process()
    process.environment = ProcessInfo.processInfo.environment.merging([
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "SWIFT_BACKTRACE": "enable=no",
      "OMPI_MCA_rmaps_base_oversubscribe": "1",
    ]) { $1 }
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let launcher = ranks.map { ["mpirun", "-n", "\($0)", "--bind-to", "none"] } ?? []
    process.arguments = launcher + [dnet, "bench", "--scaling"] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  @Test("Every rank sends the bytes of the formula.", arguments: ["sums", "factors", "replicas"])
  func bytesAreThoseOfTheFormula(exchange: String) throws {
    for ranks in [2, 3] {
      let report = try report(ranks, ["--set", "cluster.factors=\(exchange)", "--set", "cluster.bucketMegabytes=0.05"])
      #expect(report["ranks"] as? Int == ranks)
      let phases = try #require(report["phases"] as? [[String: Any]])
      #expect(phases.map { $0["phase"] as? String } == ["classification", "segmentation"])
      for phase in phases {
        let figures = try #require(phase["ranks"] as? [[String: Any]])
        #expect(figures.count == ranks)
        for rank in figures {
          let (sent, formula) = (rank["bytes_sent"] as? Int, rank["bytes_by_formula"] as? Int)
          #expect(sent != nil && sent == formula, "\(exchange), \(ranks) ranks: \(rank)")
        }
        for key in [
          "images_per_second", "seconds", "exposed_seconds", "transfer_seconds", "hidden_share", "predicted_seconds",
        ] {
          #expect((phase[key] as? Double)?.isFinite == true, "\(key)")
        }
        for key in ["compute", "data", "wait", "transfer", "momentum_bytes", "peak_memory_bytes"] {
          #expect(figures.allSatisfy { $0[key] is NSNumber }, "\(key)")
        }
      }
    }
  }

  @Test("With --weak the minibatch grows with the ranks; --predict gives a row for each number of nodes and rate.")
  func weakScalingAndPredictions() throws {
    let report = try report(
      2, ["--weak", "--predict", "--nodes", "1,2,4,16", "--gigabits", "1,10", "--phase", "segmentation"])
    #expect(report["shards"] as? Int == 8)
    let phases = try #require(report["phases"] as? [[String: Any]])
    let predictions = try #require(phases.first?["predictions"] as? [[String: Any]])
    // There are fewer shards than 16 nodes need.
    #expect(predictions.map { $0["nodes"] as? Int } == [1, 2, 2, 4, 4])
    for row in predictions { #expect((row["seconds"] as? Double ?? 0) > 0, "\(row)") }
  }

  @Test("A single rank sends nothing.")
  func aloneNothingIsSent() throws {
    let report = try report(nil, ["--phase", "classification"])
    #expect(report["link"] == nil)
    let phases = try #require(report["phases"] as? [[String: Any]])
    #expect(phases.first?["bytes_sent"] as? Int == 0 && phases.first?["hidden_share"] == nil)
  }

  @Test("More ranks than shards are refused.")
  func moreRanksThanShardsAreRefused() throws {
    let result = try run(2, ["--shards", "1", "--threads", "1", "--width", "0.0625"])
    #expect(result.status == 1 && result.output.contains("2 ranks"), "\(result.output)")
  }
}
