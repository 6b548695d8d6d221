// Ends that come from outside: signals, a time limit, a rank that dies.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct StopTests {
    /// So many iterations that the run cannot be over by itself.
    let endless = ["classification.iterations=100000", "checkpoint.every=0"]

    /// A batch system's warning, given to mpirun or to a single process: status 75, and a checkpoint of the last iteration.
    @Test(arguments: [(2, SIGUSR1), (2, SIGUSR2), (nil, SIGUSR1), (nil, SIGTERM)] as [(Int?, Int32)])
    func signalsEndARunWithACheckpoint(ranks: Int?, signal: Int32) throws {
      let workplace = try Workplace()
      let job = try workplace.startTraining("run", ranks: ranks, set: endless)
      #expect(job.wait { workplace.metrics("run").count >= 3 }, "\(job.output)")
      job.signal(signal)
      let outcome = job.wait(limit: 20)
      #expect(outcome.status == 75, "\(outcome.output)")
      try expectCheckpointAtTheEnd(workplace, "signal")
    }

    @Test func aTimeLimitEndsARunWithACheckpoint() throws {
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
      // And it is one to go on from.
      let more = try workplace.train("run", ranks: 3, set: endless, ["--stop-after", "\(done + 1)"])
      #expect(more.output.contains("resuming from"), "\(more.output)")
      #expect(workplace.iterations("run") == Workplace.sequence(done + 1, 0))
    }

    /// Whichever rank dies, the job does not hang and does not pass for a success.
    @Test(arguments: [0, 2]) func theDeathOfARankEndsAll(rank: Int) throws {
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
