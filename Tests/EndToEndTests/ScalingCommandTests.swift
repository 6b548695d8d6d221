// `dnet bench --scaling` as a user starts it, on two ranks with a tiny network.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct ScalingCommandTests {
    private func report(_ ranks: Int?, _ more: [String]) throws -> [String: Any] {
      let folder = NSTemporaryDirectory() + "dnet-scaling-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let outcome = try Job(
        Commands.launcher(ranks) + [
          Commands.path("dnet"), "bench", "--scaling", "--width", "0.0625", "--size", "32", "--shard-size", "2",
          "--shards", "4",
          "--threads", "1", "--iterations", "3", "--json", "scaling.json",
        ] + more, in: folder
      ).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      let json = try Data(contentsOf: URL(fileURLWithPath: folder + "/scaling.json"))
      return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    }

    @Test(arguments: ["sums", "factors", "replicas"])
    func bytesAreThoseOfTheFormula(way: String) throws {
      for ranks in [2, 3] {
        let report = try report(
          ranks, ["--set", "cluster.gradientExchange=\(way)", "--set", "cluster.bucketMegabytes=0.05"])
        #expect(report["ranks"] as? Int == ranks)
        let phases = try #require(report["phases"] as? [[String: Any]])
        #expect(phases.map { $0["phase"] as? String } == ["classification", "segmentation"])
        for phase in phases {
          let figures = try #require(phase["ranks"] as? [[String: Any]])
          #expect(figures.count == ranks)
          for rank in figures {
            let (sent, formula) = (rank["bytes_sent"] as? Int, rank["bytes_by_formula"] as? Int)
            #expect(sent != nil && sent == formula, "\(way), \(ranks) ranks: \(rank)")
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

    /// The minibatch grows with the ranks, and a prediction comes for each number of nodes and each rate.
    @Test func weakScalingAndPredictions() throws {
      let report = try report(
        2, ["--weak", "--predict", "--nodes", "1,2,4,16", "--gigabits", "1,10", "--phase", "segmentation"])
      #expect(report["shards"] as? Int == 8)
      let phases = try #require(report["phases"] as? [[String: Any]])
      let predictions = try #require(phases.first?["predictions"] as? [[String: Any]])
      // 16 nodes are more than the shards.
      #expect(predictions.map { $0["nodes"] as? Int } == [1, 2, 2, 4, 4])
      for row in predictions { #expect((row["seconds"] as? Double ?? 0) > 0, "\(row)") }
    }

    @Test func aloneNothingIsSent() throws {
      let report = try report(nil, ["--phase", "classification"])
      #expect(report["link"] == nil)
      let phases = try #require(report["phases"] as? [[String: Any]])
      #expect(phases.first?["bytes_sent"] as? Int == 0 && phases.first?["hidden_share"] == nil)
    }

    @Test func wrongWordsAreNamed() throws {
      let outcome = try Job(
        Commands.launcher(2) + [
          Commands.path("dnet"), "bench", "--scaling", "--shards", "1", "--threads", "1", "--width", "0.0625",
        ],
        in: NSTemporaryDirectory()
      ).wait()
      #expect(outcome.status == 1 && outcome.output.contains("2 ranks"), "\(outcome.output)")
    }
  }
}
