// Tests of `dnet verify`, which computes the iterations of a run again on other ranks.
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

    @Test("A correct run agrees with its log on any number of ranks and is not modified.")
    func correctRunAgreesOnAnyRanks() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 3, set: ["verify.every=2", "checkpoint.every=1"])
      let before = workplace.contents("run")
      for (ranks, range, words) in [
        (nil, [], "7 iterations agree with the log, 3 of them with digests"), (5, [], "7 iterations agree"),
        // This range starts at a checkpoint.
        (2, ["--from", "7", "--to", "7"], "1 iterations agree"),
      ] as [(Int?, [String], String)] {
        let outcome = try verify(workplace, ranks: ranks, range)
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains(words), "\(outcome.output)")
      }
      // The run is unchanged, and there are no temporary files beside it.
      #expect(workplace.contents("run") == before)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: workplace.path).allSatisfy { !$0.contains("verify-") })
      // The digests form a chain, so each differs from the others.
      let digests = try lines(workplace).compactMap(\.digest)
      #expect(digests.count == 3 && Set(digests).count == 3)
      #expect(workplace.metrics("run").compactMap(\.digest) == digests)
    }

    @Test("A bit flip on one rank is found, with its iteration, layer and shard.")
    func flippedBitIsFound() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["verify.every=1"], ["--inject-fault", "flip:1:3"])
      #expect(try workplace.summary("run").weightsDigest != Workplace.digest.get())
      let outcome = try verify(workplace, ranks: nil)
      #expect(outcome.status == 3, "\(outcome.output)")
      // With eight shards on two ranks, the first shard of rank 1 is 4.
      let words = [
        "iteration 3 of the classification phase", "gradient of classification.score in shard 4, then on rank 1 of ",
      ]
      #expect(words.allSatisfy(outcome.output.contains), "\(outcome.output)")
    }

    @Test("A resumed run has the verification log of an uninterrupted one.")
    func resumedRunHasTheSameLog() throws {
      let workplace = try Workplace()
      try workplace.train("whole", ranks: nil, set: ["verify.every=2"])
      for stop in [1, 2, 3, 5, 6, 7] {
        try workplace.train("run", ranks: stop % 3 + 1, set: ["verify.every=2"], ["--max-iterations", "\(stop)"])
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

    @Test("Ranges that a run does not have, runs without a log and changed keys are refused.")
    func invalidRangesAndRunsAreRefused() throws {
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
