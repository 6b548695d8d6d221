// Tests of several ranks: gradient exchanges and bucket sizes, faults on one rank, times and the timeline.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct RanksTogetherTests {
    @Test(
      "The gradient exchange and the bucket size do not change the weights.",
      arguments: ["sums", "factors", "replicas"], [0.001, 32])
    func exchangeAndBucketSizeDoNotChangeWeights(
      exchange: String, megabytes: Double
    ) throws {
      let workplace = try Workplace()
      let ranks = megabytes < 1 ? 5 : 3
      try workplace.train(
        "run", ranks: ranks, set: ["cluster.gradientExchange=\(exchange)", "cluster.bucketMegabytes=\(megabytes)"])
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }

    @Test("The gradient exchange may change when a run resumes.")
    func exchangeMayChangeOnResuming() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["cluster.gradientExchange=replicas"], ["--max-iterations", "5"])
      try workplace.train("run", ranks: 3, set: ["cluster.gradientExchange=factors", "cluster.bucketMegabytes=0.01"])
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }

    /// The message names the rank, the shard and the parameter.
    @Test(
      "A NaN on one rank stops all ranks at that iteration, and the run resumes from the previous one.",
      arguments: [(nil, 0), (2, 1), (3, 0)] as [(Int?, Int)])
    func nonFiniteGradientStopsAllRanks(
      ranks: Int?, rank: Int
    ) throws {
      let workplace = try Workplace()
      let outcome = try workplace.startTraining("run", ranks: ranks, ["--inject-fault", "nan:\(rank):3"]).wait()
      #expect(outcome.status == 1, "\(outcome.output)")
      #expect(outcome.complaints.count == 1, "\(outcome.output)")
      let words = ["the gradient of classification.", "in iteration 3 of the classification phase", "on rank \(rank)"]
      #expect(words.allSatisfy(outcome.output.contains), "\(outcome.output)")
      #expect(workplace.iterations("run") == Workplace.sequence(2, 0))
      #expect(workplace.checkpoints("run") == ["classification-000002"])
      try workplace.train("run", ranks: 2)
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }

    @Test("A rank that stalls is named by all other ranks, and the job ends.")
    func stalledRankIsNamed() throws {
      let workplace = try Workplace()
      let outcome = try workplace.startTraining(
        "run", ranks: 3, set: ["cluster.stallSeconds=2", "classification.iterations=50"],
        ["--inject-fault", "stop:1:3"]
      ).wait(limit: 40)
      #expect(outcome.status != 0, "\(outcome.output)")
      for rank in [0, 2] {
        let line = outcome.lines.first { $0.contains("rank \(rank) on ") && $0.contains("cluster.stallSeconds") }
        #expect(line?.contains("classification iteration 3") ?? false, "\(outcome.output)")
        #expect(line?.contains("from rank 1") ?? false, "\(outcome.output)")
      }
    }

    @Test("The log contains the times of all ranks, and the summary a line per rank.")
    func timesOfAllRanks() throws {
      let workplace = try Workplace()
      let outcome = try workplace.train("run", ranks: 3, set: ["cluster.reportEvery=2"])
      #expect(outcome.lines.count { $0.contains("came last") } == 4, "\(outcome.output)")
      for line in workplace.metrics("run") {
        let ranks = try #require(line.ranks)
        #expect(
          [ranks.compute, ranks.data, ranks.wait, ranks.transfer].allSatisfy {
            $0.count == 3 && $0.allSatisfy { $0 >= 0 }
          })
        #expect((0..<3).contains(ranks.last) && ranks.compute.allSatisfy { $0 > 0 })
      }
      try workplace.train("alone", ranks: nil)
      #expect(workplace.metrics("alone").allSatisfy { $0.ranks == nil })
    }

    /// The timeline has rows for arithmetic and for messages, in the format of Perfetto.
    @Test("`--trace` writes the arithmetic and the messages of each rank.")
    func timelineContainsMessagesAndArithmetic() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, ["--trace", "trace.json"])
      let events = try #require(
        JSONSerialization.jsonObject(with: Data(try workplace.read("trace.json"))) as? [[String: Any]])
      func count(_ rank: Int, _ phase: String, _ name: String) -> Int {
        events.count {
          $0["pid"] as? Int == rank && $0["ph"] as? String == phase && ($0["name"] as? String ?? "").hasPrefix(name)
        }
      }
      for rank in 0..<2 {
        #expect(count(rank, "X", "shard ") == 2 * 4 * 7)
        #expect(count(rank, "X", "classification.conv3_1 weight gradient") == 4 * 4)
        #expect(count(rank, "b", "gradients of bucket") > 0 && count(rank, "b", "weights of bucket") > 0)
        #expect(count(rank, "b", "") == count(rank, "e", ""))
        #expect(count(rank, "M", "thread_name") == 2)
      }
    }
  }
}
