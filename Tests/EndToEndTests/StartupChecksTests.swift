// Real ranks that were started with different programs, options or data.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct StartupChecksTests {
    /// Starts two ranks, the second one by another command or with further arguments.
    private func start(
      _ workplace: Workplace, _ run: String, both: [String] = [], secondBy: [String]? = nil, second: [String] = []
    ) throws -> Job {
      let program = try Commands.path("dnet-train")
      let settings = (Workplace.settings + both).flatMap { ["--set", $0] }
      let arguments = [Commands.repository + "/Configs/synthetic/tiny.yaml", "--output", run] + settings
      return try Job(
        ["mpirun", "--bind-to", "none", "-n", "1", program] + arguments + [":", "-n", "1"] + (secondBy ?? [program])
          + arguments + second,
        in: workplace.path)
    }

    @Test("Ranks that differ are refused.")
    func ranksThatDifferAreRefused() throws {
      let workplace = try Workplace()
      // The same program with one byte more, data with another list, and data with other masks.
      let program = try Commands.path("dnet-train")
      try workplace.write(try Data(contentsOf: URL(fileURLWithPath: program)) + [0], to: "changed/dnet-train")
      let changed = workplace.file("changed/dnet-train")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: changed)
      for copy in ["otherlist", "othermasks"] { try workplace.copy("data", to: copy) }
      let list = "ImageSets/Segmentation/train_aug.txt"
      try workplace.write(try workplace.read("data/\(list)") + Array("\n".utf8), to: "otherlist/\(list)")
      let ids = try workplace.ids()
      let masks = "othermasks/SegmentationClassAug"
      for id in ids.dropFirst() {
        try? FileManager.default.removeItem(atPath: workplace.file("\(masks)/\(id).png"))
        try workplace.copy("data/SegmentationClassAug/\(ids[0]).png", to: "\(masks)/\(id).png")
      }
      let who = ["rank 1 on ", "rank 0 on "]
      try Refusal.expect([
        Refusal(name: "another setting", words: who + ["classification.iterations = 5", "has 4"]) {
          try start(workplace, "a", second: ["--set", "classification.iterations=5"])
        },
        Refusal(name: "fewer shards than ranks on one", words: who + ["minibatch.shards = 1", "has 8"]) {
          try start(workplace, "b", second: ["--set", "minibatch.shards=1"])
        },
        Refusal(name: "another option", words: who + ["--max-iterations = 2", "has none"]) {
          try start(workplace, "c", second: ["--max-iterations", "2"])
        },
        Refusal(name: "another program", words: who + ["another dnet-train"]) {
          try start(workplace, "d", secondBy: [changed])
        },
        Refusal(name: "another list", words: who + ["data.imageLabelList"]) {
          try start(workplace, "e", second: ["--set", "data.root=otherlist"])
        },
        Refusal(name: "no data", words: who + ["data.root", "has no JPEGImages"]) {
          try start(workplace, "f", second: ["--set", "data.root=nowhere"])
        },
        Refusal(name: "other masks", words: who + ["images or labels"]) {
          // Without a choice that the masks would upset.
          try start(workplace, "g", both: ["data.masksPerClass=0"], second: ["--set", "data.root=othermasks"])
        },
        Refusal(name: "other kernels of OpenBLAS", words: who + [" Zen, ", "cluster.mixedInstructionSets=warn"]) {
          try start(workplace, "h", secondBy: ["env", "OPENBLAS_CORETYPE=Zen", program])
        },
      ])
    }

    @Test("Different OpenBLAS kernels can be tolerated.")
    func mixedKernelsMayBeTolerated() throws {
      let workplace = try Workplace()
      let program = try Commands.path("dnet-train")
      let outcome = try start(
        workplace, "run", both: ["cluster.mixedInstructionSets=warn"],
        secondBy: ["env", "OPENBLAS_CORETYPE=Zen", program]
      ).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(
        outcome.lines.contains { $0.hasPrefix("warning: rank 1 on ") && $0.contains(" Zen, ") }, "\(outcome.output)")
    }

    @Test("Data paths, threads and cache sizes may differ between ranks.")
    func whatMayDifferFromRankToRank() throws {
      let workplace = try Workplace()
      try workplace.copy("data", to: "elsewhere")
      let outcome = try start(
        workplace, "run",
        second: ["--set", "data.root=elsewhere", "--set", "threads=2", "--set", "data.cacheMegabytes=0"]
      ).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }

    @Test("A Slurm task without MPI is refused.")
    func aTaskOfSlurmWithoutMPIIsRefused() throws {
      let workplace = try Workplace()
      let program = try Commands.path("dnet-train")
      let arguments = [
        program, Commands.repository + "/Configs/synthetic/tiny.yaml", "--set", "data.root=data", "--dry-run",
      ]
      let alone = try Job(["env", "SLURM_NTASKS=4"] + arguments, in: workplace.path).wait()
      #expect(alone.status == 1 && alone.complaints.count == 1, "\(alone.output)")
      #expect(alone.output.contains("SLURM_NTASKS says 4 tasks") && alone.output.contains("mpirun"), "\(alone.output)")
      let meant = try Job(["env", "SLURM_NTASKS=4", "SLURM_STEP_NUM_TASKS=1"] + arguments, in: workplace.path).wait()
      #expect(meant.status == 0, "\(meant.output)")
    }

    /// One rank has a single line; several ranks have a heading and a row for each host.
    @Test("The start prints where each rank runs.")
    func theStartSaysWhereItRuns() throws {
      let workplace = try Workplace()
      let one = try workplace.train("one", ranks: nil, ["--max-iterations", "1"])
      #expect(one.lines.first?.contains(": 1 rank, ") == true, "\(one.output)")
      #expect(one.lines.dropFirst().first?.hasPrefix("tiny: 1 ranks of ") == true, "\(one.output)")
      let three = try workplace.train("three", ranks: 3, ["--max-iterations", "1"])
      #expect(three.lines.first?.hasPrefix("host ") == true, "\(three.output)")
      #expect(three.lines.dropFirst().first?.contains("  0-2    ") == true, "\(three.output)")
    }
  }
}
