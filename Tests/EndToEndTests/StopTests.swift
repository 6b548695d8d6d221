// Tests of events that end a run from outside: signals, a time limit, the death of a rank.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct StopTests {
    /// More iterations than the run can complete within the test.
    let endless = ["classification.iterations=100000", "checkpoint.every=0"]

    @Test(
      "A signal to mpirun or to a single process ends the run with a checkpoint and status 75.",
      arguments: [(2, SIGUSR1), (2, SIGUSR2), (nil, SIGUSR1), (nil, SIGTERM)] as [(Int?, Int32)])
    func signalsEndARunWithACheckpoint(ranks: Int?, signal: Int32) throws {
      let workplace = try Workplace()
      let job = try workplace.startTraining("run", ranks: ranks, set: endless)
      #expect(job.wait { workplace.metrics("run").count >= 3 }, "\(job.output)")
      job.signal(signal)
      let outcome = job.wait(limit: 20)
      #expect(outcome.status == 75, "\(outcome.output)")
      try expectCheckpointAtTheEnd(workplace, "signal")
    }

    @Test("A time limit ends the run with a checkpoint and status 75.")
    func timeLimitEndsARunWithACheckpoint() throws {
      let workplace = try Workplace()
      let outcome = try workplace.startTraining("run", ranks: 2, set: endless, ["--time-limit", "2s"]).wait(limit: 20)
      #expect(outcome.status == 75, "\(outcome.output)")
      try expectCheckpointAtTheEnd(workplace, "time-limit")
    }

    private func expectCheckpointAtTheEnd(_ workplace: Workplace, _ reason: String) throws {
      let done = workplace.metrics("run").count
      #expect(workplace.iterations("run") == Workplace.sequence(done, 0))
      #expect(workplace.checkpoints("run") == ["classification-" + String(format: "%06d", done)])
      #expect(try workplace.summary("run").exitReason == reason)
      // The run resumes from this checkpoint.
      let more = try workplace.train("run", ranks: 3, set: endless, ["--max-iterations", "\(done + 1)"])
      #expect(more.output.contains("resuming from"), "\(more.output)")
      #expect(workplace.iterations("run") == Workplace.sequence(done + 1, 0))
    }

    @Test("The death of any rank ends the whole job with a failure.", arguments: [0, 2])
    func deadRankEndsTheJob(rank: Int) throws {
      let workplace = try Workplace()
      let job = try workplace.startTraining("run", ranks: 3, set: endless)
      #expect(job.wait { workplace.metrics("run").count >= 2 }, "\(job.output)")
      let victim = try #require(job.process(ofRank: rank))
      let killed = DispatchTime.now()
      kill(victim, SIGKILL)
      let outcome = job.wait(limit: 30)
      #expect(outcome.status != 0, "\(outcome.output)")
      let seconds = Double(DispatchTime.now().uptimeNanoseconds - killed.uptimeNanoseconds) * 1e-9
      #expect(seconds < 15, "the other ranks took \(seconds) s to end")
      #expect(job.process(ofRank: 1) == nil)
      #expect(!workplace.exists("run/summary.json"))
    }
  }
}
