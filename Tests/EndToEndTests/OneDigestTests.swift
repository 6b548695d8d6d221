// Tests of the determinism contract: the same weights, bit by bit, on any number of ranks and threads.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct OneDigestTests {
    @Test("The weights do not depend on the number of ranks and threads.")
    func weightsAreIndependentOfRanksAndThreads() throws {
      let workplace = try Workplace()
      // One rank with and without mpirun, and numbers of ranks that divide eight shards evenly or not.
      let layouts: [(ranks: Int?, threads: Int)] = [
        (nil, 1), (nil, 2), (1, 2), (2, 1), (2, 2), (3, 1), (4, 2), (5, 1), (7, 2), (8, 1),
      ]
      let names = layouts.map { "run-\($0.ranks ?? 0)-\($0.threads)" }
      var losses: [[Double]] = []
      for first in stride(from: 0, to: layouts.count, by: 2) {
        let some = first..<min(first + 2, layouts.count)
        let jobs = try some.map {
          try workplace.startTraining(names[$0], ranks: layouts[$0].ranks, set: ["threads=\(layouts[$0].threads)"])
        }
        for (number, job) in zip(some, jobs) {
          let outcome = job.wait()
          #expect(outcome.status == 0, "\(layouts[number]): \(outcome.output)")
          let summary = try workplace.summary(names[number])
          #expect(summary.ranks == layouts[number].ranks ?? 1 && summary.threads == layouts[number].threads)
          #expect(summary.exitReason == "finished")
          #expect(summary.weightsDigest == (try Workplace.digest.get()), "\(layouts[number])")
          losses.append(workplace.metrics(names[number]).map(\.loss))
          let digest = try workplace.start("dnet", ["model", "digest", names[number]]).wait()
          #expect(digest.status == 0 && digest.output == summary.weightsDigest + "\n", "\(digest.output)")
        }
      }
      #expect(losses[0].count == 7 && losses.allSatisfy { $0 == losses[0] }, "\(losses)")
    }

    /// Without this, the comparison above would prove nothing.
    @Test("Another seed gives other weights.")
    func seedChangesWeights() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["seed=2"])
      #expect(try workplace.summary("run").weightsDigest != Workplace.digest.get())
    }

    @Test("Batch-norm statistics over fewer shards than ranks do not depend on the number of ranks.")
    func fewerCalibrationShardsThanRanks() throws {
      let workplace = try Workplace()
      for (run, ranks) in [("one", nil), ("five", 5)] {
        try workplace.train(run, ranks: ranks, set: ["batchNormalization.calibrationShards=3"])
      }
      #expect(try workplace.summary("one").weightsDigest == workplace.summary("five").weightsDigest)
      #expect(try workplace.summary("one").weightsDigest != Workplace.digest.get())
    }

    @Test("The checkpoint interval, the image cache and the name of a run do not change the weights.")
    func operationalSettingsDoNotChangeWeights() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["checkpoint.every=1", "data.cacheMegabytes=0", "name='another'"])
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }
  }
}
