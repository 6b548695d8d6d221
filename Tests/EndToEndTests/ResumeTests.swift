// Tests of resuming: a run that was stopped or killed ends with the weights of an undisturbed run, on any ranks.
import Foundation
import Testing
import Training

extension EndToEnd {
  @Suite(.serialized) struct ResumeTests {
    /// All processes of an attempt are killed at once when the log has a given number of lines: at the first iteration,
    /// within both phases and near the end of the first. The next attempt resumes on other ranks.
    @Test("A run that is killed and resumed on other ranks ends with the weights of an undisturbed run.")
    func killsDoNotChangeWeights() throws {
      let workplace = try Workplace()
      let (classification, segmentation) = (14, 12)
      let set = [
        "classification.iterations=\(classification)", "segmentation.iterations=\(segmentation)", "checkpoint.every=2",
        "classification.learningRate.step=5", "segmentation.learningRate.step=5",
      ]
      let whole = try workplace.startTraining("whole", ranks: 2, set: set)
      for (lines, ranks) in [(1, 2), (6, 3), (14, 1), (19, 4), (23, 2)] {
        let job = try workplace.startTraining("killed", ranks: ranks, set: set)
        let came = job.wait { workplace.metrics("killed").count >= lines }
        job.kill()
        #expect(came, "killed before line \(lines) of the log: \(job.output)")
        #expect(
          !workplace.exists("killed/summary.json"), "\(ranks) ranks finished before they were killed at line \(lines)")
      }
      let last = try workplace.train("killed", ranks: 8, set: set)
      #expect(last.output.contains("resuming from"), "\(last.output)")
      #expect(whole.wait().status == 0)
      #expect(try workplace.summary("killed").weightsDigest == workplace.summary("whole").weightsDigest)
      #expect(workplace.iterations("killed") == Workplace.sequence(classification, segmentation))
      #expect(workplace.metrics("killed").map(\.loss) == workplace.metrics("whole").map(\.loss))
      #expect(!workplace.checkpoints("killed").contains { $0.hasPrefix(".") }, "\(workplace.checkpoints("killed"))")
    }

    @Test("A run that stops within a phase, between phases or at the end of one resumes on other ranks.")
    func stoppedRunResumes() throws {
      let workplace = try Workplace()
      for (iterations, ranks) in [(3, 2), (4, 1), (6, 3)] {
        try workplace.train("run", ranks: ranks, ["--max-iterations", "\(iterations)"])
        #expect(workplace.iterations("run").count == iterations)
        #expect(try workplace.summary("run").exitReason == "stop-after")
        let checkpoint = iterations > 4 ? "segmentation-00000\(iterations - 4)" : "classification-00000\(iterations)"
        #expect(workplace.checkpoints("run").contains(checkpoint))
        #expect(!workplace.exists("run/model.safetensors.zst"))
      }
      try workplace.train("run", ranks: 4)
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      #expect(workplace.iterations("run") == Workplace.sequence(4, 3))
    }

    @Test("The phases can be run one by one.")
    func phasesRunOneByOne() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, ["--phase", "classification"])
      #expect(workplace.iterations("run") == Workplace.sequence(4, 0))
      #expect(!workplace.exists("run/model.safetensors.zst"))
      try workplace.train("run", ranks: 3, ["--phase", "segmentation"])
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      #expect(workplace.iterations("run") == Workplace.sequence(4, 3))
      #expect(workplace.exists("run/model.safetensors.zst"))
    }

    @Test("A finished run has nothing left to do, and a longer one continues from its end.")
    func finishedRunIsUnchanged() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2)
      try workplace.train("run", ranks: 1)
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      #expect(workplace.iterations("run") == Workplace.sequence(4, 3))
      try workplace.train("run", ranks: 2, set: ["segmentation.iterations=5"])
      #expect(workplace.iterations("run") == Workplace.sequence(4, 5))
      try workplace.train("whole", ranks: 1, set: ["segmentation.iterations=5"])
      #expect(try workplace.summary("run").weightsDigest == workplace.summary("whole").weightsDigest)
    }

    @Test("A phase can be shortened to where it stopped: only statistics are gathered.")
    func phaseMayEndWhereItStopped() throws {
      let workplace = try Workplace()
      try workplace.train("short", ranks: 1, set: ["segmentation.iterations=2"])
      try workplace.train("run", ranks: 2, set: ["segmentation.iterations=5"], ["--max-iterations", "6"])
      try workplace.train("run", ranks: 3, set: ["segmentation.iterations=2"])
      #expect(try workplace.summary("run").weightsDigest == workplace.summary("short").weightsDigest)
      #expect(workplace.iterations("run") == Workplace.sequence(4, 2))
    }

    @Test("A run resumes from a named checkpoint, even if later ones exist.")
    func resumesFromNamedCheckpoint() throws {
      let workplace = try Workplace()
      let set = ["checkpoint.every=1", "checkpoint.keep=9"]
      try workplace.train("run", ranks: 2, set: set)
      for (number, checkpoint) in ["classification-000002", "segmentation-000001"].enumerated() {
        // In a directory of its own, and in the one that has later checkpoints.
        try workplace.train("other-\(number)", ranks: 1, ["--resume", "run/checkpoints/\(checkpoint)"])
        #expect(try workplace.summary("other-\(number)").weightsDigest == Workplace.digest.get())
        #expect(
          workplace.iterations("other-\(number)") == Array(Workplace.sequence(4, 3).dropFirst(number == 0 ? 2 : 5)))
        try workplace.train("run", ranks: 3, set: set, ["--resume", "run/checkpoints/\(checkpoint)"])
        #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
        #expect(workplace.iterations("run") == Workplace.sequence(4, 3))
      }
    }

    @Test("`--resume never` does not touch a used directory.")
    func resumeNeverRefusesUsedDirectory() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, ["--resume", "never", "--max-iterations", "3"])
      let before = workplace.contents("run")
      for ranks in [nil, 2] {
        let outcome = try workplace.startTraining("run", ranks: ranks, ["--resume", "never"]).wait()
        #expect(outcome.status == 1 && outcome.complaints.count == 1, "\(outcome.output)")
        #expect(
          outcome.output.contains("classification-000003") && outcome.output.contains("--resume auto"),
          "\(outcome.output)")
        #expect(workplace.contents("run") == before)
      }
    }

    @Test("Damaged checkpoints are skipped with a reason, and an older one is used.")
    func damagedCheckpointsAreSkipped() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["checkpoint.every=1", "checkpoint.keep=9"])
      func change(_ checkpoint: String, _ name: String, _ edit: (inout [UInt8]) -> Void) throws {
        var bytes = try workplace.read("run/checkpoints/\(checkpoint)/\(name)")
        edit(&bytes)
        try workplace.write(bytes, to: "run/checkpoints/\(checkpoint)/\(name)")
      }
      try change("segmentation-000003", "weights.safetensors.zst") { $0[$0.count / 2] ^= 1 }
      try change("segmentation-000002", "momentum.safetensors.zst") { $0.removeLast(100) }
      try change("segmentation-000001", "manifest.json") { $0 = Array($0.prefix(40)) }
      try FileManager.default.removeItem(
        atPath: workplace.file("run/checkpoints/classification-000004/weights.safetensors.zst"))
      let outcome = try workplace.train("run", ranks: 3)
      for (checkpoint, reason) in [
        ("segmentation-000003", "SHA-256"), ("segmentation-000002", "bytes where"), ("segmentation-000001", "manifest"),
        ("classification-000004", "No such file"),
      ] {
        let lines = outcome.lines.filter {
          $0.hasPrefix("warning: skipping checkpoint") && $0.contains("/\(checkpoint):")
        }
        #expect(lines.count == 1 && lines[0].contains(reason), "\(outcome.output)")
      }
      #expect(
        outcome.output.contains("resuming from") && outcome.output.contains("classification-000003, written by 2 ranks")
      )
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      #expect(workplace.iterations("run") == Workplace.sequence(4, 3))
    }

    @Test("A key that affects the weights changes only with `--allow-change`, and later checkpoints record it.")
    func allowedChangesAreRecorded() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, ["--max-iterations", "2"])
      let other = ["classification.learningRate.base=0.02"]
      let refused = try workplace.startTraining("run", ranks: 2, set: other).wait()
      #expect(
        refused.status == 1 && refused.output.contains("--allow-change classification.learningRate.base"),
        "\(refused.output)")
      let allowed = try workplace.train(
        "run", ranks: 2, set: other, ["--allow-change", "classification.learningRate.base", "--max-iterations", "3"])
      #expect(
        allowed.output.contains(
          "warning: --allow-change classification.learningRate.base: 0.02 from here on, 0.01 before"),
        "\(allowed.output)")
      // It now resumes without a warning, and the manifest records the change.
      try workplace.train("run", ranks: 1, set: other, ["--max-iterations", "4"])
      let manifest = String(
        decoding: try workplace.read("run/checkpoints/classification-000004/manifest.json"), as: UTF8.self)
      #expect(manifest.contains("\"classification.learningRate.base\""), "\(manifest)")
      for (key, words) in [("classification.rate", "did you mean"), ("network.width", "--initial-weights")] {
        let outcome = try workplace.startTraining("run", ranks: 1, ["--allow-change", key]).wait()
        #expect(outcome.status != 0 && outcome.output.contains(words), "\(outcome.output)")
      }
    }

    @Test("After many resumes each log has one line per iteration.")
    func manyResumesKeepOneLog() throws {
      let workplace = try Workplace()
      for stop in 1...7 {
        try workplace.train("run", ranks: stop % 4 + 1, set: ["verify.every=3"], ["--max-iterations", "\(stop)"])
      }
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      #expect(workplace.iterations("run") == Workplace.sequence(4, 3))
      let events = try FileManager.default.contentsOfDirectory(atPath: workplace.file("run/events"))
      #expect(events.count == 1)
      let records = EventFile.read(workplace.file("run/events/\(events[0])"))
      #expect(records.map(\.step) == [1, 2, 3, 4, 1, 2, 3])
      #expect(
        records.map { $0.values[0].tag } == Array(repeating: "classification/loss", count: 4)
          + Array(repeating: "segmentation/loss", count: 3))
    }
  }
}
