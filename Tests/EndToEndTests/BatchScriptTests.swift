// Tests of Launch/dnet.sbatch with a stand-in for Slurm: its variables, its signal to the batch shell, and a `scontrol`
// that records its arguments.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct BatchScriptTests {
    /// Starts the batch script of the repository with a run in the workplace.
    private func start(_ workplace: Workplace, restarts: Int) throws -> Job {
      let settings = (Workplace.settings + ["data.root=\(workplace.file("data"))", "classification.iterations=400"])
        .flatMap { ["--set", $0] }
      let variables = [
        "SLURM_JOB_ID=17", "SLURM_RESTART_COUNT=\(restarts)", "SLURM_SUBMIT_DIR=\(Commands.repository)",
        "SLURM_NTASKS_PER_NODE=2",
        "SLURM_CPUS_PER_TASK=1",
        "PATH=\(workplace.file("bin")):\(Commands.folder):\(ProcessInfo.processInfo.environment["PATH"] ?? "")",
      ]
      return try Job(
        ["env"] + variables + [
          "bash", "\(Commands.repository)/Launch/dnet.sbatch", "\(Commands.repository)/Configs/synthetic/tiny.yaml",
          "--output",
          workplace.file("run"),
        ] + settings, in: workplace.path)
    }

    @Test("A job that receives a signal is requeued and resumes until the run is finished.")
    func signalRequeuesJob() throws {
      let workplace = try Workplace()
      try workplace.write("#!/bin/sh\necho \"$@\" >>'\(workplace.file("requests"))'\n", to: "bin/scontrol")
      chmod(workplace.file("bin/scontrol"), 0o755)
      // Each start completes some of the 400 iterations of the classification phase.
      for (number, signal) in [SIGUSR1, SIGTERM].enumerated() {
        let before = workplace.metrics("run").count
        let job = try start(workplace, restarts: number)
        #expect(job.wait { workplace.metrics("run").count >= before + 3 }, "\(job.output)")
        job.signal(signal)
        let outcome = job.wait(limit: 30)
        #expect(outcome.status == 75, "\(outcome.output)")
        #expect(outcome.output.contains("job 17, start \(number + 1)"), "\(outcome.output)")
        #expect(
          String(decoding: try workplace.read("requests"), as: UTF8.self)
            == String(repeating: "requeue 17\n", count: number + 1))
        let done = workplace.metrics("run").count
        #expect(done < 400 && workplace.iterations("run") == Workplace.sequence(done, 0))
      }
      let outcome = try start(workplace, restarts: 2).wait(limit: 120)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.output.contains("resuming from"), "\(outcome.output)")
      #expect(try String(decoding: workplace.read("requests"), as: UTF8.self) == "requeue 17\nrequeue 17\n")
      #expect(workplace.iterations("run") == Workplace.sequence(400, Workplace.iterations.segmentation))
    }

    @Test("A job that fails is not requeued.")
    func failedJobIsNotRequeued() throws {
      let workplace = try Workplace()
      try workplace.write("#!/bin/sh\necho \"$@\" >>'\(workplace.file("requests"))'\n", to: "bin/scontrol")
      chmod(workplace.file("bin/scontrol"), 0o755)
      try workplace.write("a file", to: "run")
      let outcome = try start(workplace, restarts: 0).wait(limit: 30)
      #expect(outcome.status == 1, "\(outcome.output)")
      #expect(!workplace.exists("requests"))
    }
  }
}
