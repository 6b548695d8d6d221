// `dnet verify`: a run's iterations computed again on other ranks.
import Foundation
import Support
import Testing
import Training

extension EndToEnd {
  @Suite(.serialized) struct VerifyTests {
    private func verify(_ workplace: Workplace, ranks: Int?, _ more: [String] = []) throws -> Outcome {
      try workplace.start("dnet", ranks: ranks, ["verify", "run"] + more).wait()
    }

    private func lines(_ workplace: Workplace, _ run: String = "run") throws -> [VerificationLine] {
      try workplace.read("\(run)/verification.jsonl").split(separator: 10).map {
        try JSONText.decode(VerificationLine.self, from: $0)
      }
    }

    @Test func aSoundRunAgreesOnAnyRanks() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 3, set: ["verify.every=2", "checkpoint.every=1"])
      let before = workplace.contents("run")
      for (ranks, range, words) in [
        (nil, [], "7 iterations agree with the log, 3 of them with digests"), (5, [], "7 iterations agree"),
        // From the checkpoint before.
        (2, ["--from", "7", "--to", "7"], "1 iterations agree"),
      ] as [(Int?, [String], String)] {
        let outcome = try verify(workplace, ranks: ranks, range)
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains(words), "\(outcome.output)")
      }
      // The run is as it was, and nothing lies beside it.
      #expect(workplace.contents("run") == before)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: workplace.path).allSatisfy { !$0.contains("verify-") })
      // The chain: another digest in every line that has one.
      let digests = try lines(workplace).compactMap(\.digest)
      #expect(digests.count == 3 && Set(digests).count == 3)
      #expect(workplace.metrics("run").compactMap(\.digest) == digests)
    }

    /// A bit that flips on one rank, unseen: named are the iteration, the layer and the shard.
    @Test func aFlippedBitIsFound() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["verify.every=1"], ["--drill", "flip:1:3"])
      #expect(try workplace.summary("run").weightsDigest != Workplace.digest.get())
      let outcome = try verify(workplace, ranks: nil)
      #expect(outcome.status == 3, "\(outcome.output)")
      // Eight shards on two ranks: rank 1's first is 4.
      let words = [
        "iteration 3 of the classification phase", "gradient of classification.score in shard 4, then on rank 1 of ",
      ]
      #expect(words.allSatisfy(outcome.output.contains), "\(outcome.output)")
    }

    /// The chain and the log go on over kills and resumes as if there had been none.
    @Test func resumedRunsHaveTheSameLog() throws {
      let workplace = try Workplace()
      try workplace.train("whole", ranks: nil, set: ["verify.every=2"])
      for stop in [1, 2, 3, 5, 6, 7] {
        try workplace.train("run", ranks: stop % 3 + 1, set: ["verify.every=2"], ["--stop-after", "\(stop)"])
      }
      func bare(_ lines: [VerificationLine]) -> [VerificationLine] {
        lines.map {
          var line = $0
          line.hosts = []
          return line
        }
      }
      #expect(bare(try lines(workplace)) == bare(try lines(workplace, "whole")))
    }

    @Test func rangesAndRunsThatAreNotThere() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: nil, set: ["verify.every=0"])
      #expect(try verify(workplace, ranks: 2).output.contains("run has no verification.jsonl with lines"))
      try workplace.train("run", ranks: nil, set: ["verify.every=3", "segmentation.iterations=4"])
      for range in [["--from", "0"], ["--to", "99"], ["--from", "3", "--to", "2"]] {
        let outcome = try verify(workplace, ranks: nil, range)
        #expect(outcome.status == 1 && outcome.output.contains("change --from and --to"), "\(outcome.output)")
      }
      let other = try verify(workplace, ranks: nil, ["--set", "seed=4"])
      #expect(
        other.status == 1 && other.output.contains("the run has 1, and the key changes weights"), "\(other.output)")
    }
  }
}
