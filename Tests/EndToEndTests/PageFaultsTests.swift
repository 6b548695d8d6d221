// Page faults of training: all memory is touched in the first iterations.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct PageFaultsTests {
    /// The first iterations touch everything and fill the image cache. Later ones may touch a quarter of a megabyte for
    /// the log and MPI's small buffers, which is less than a single activation of a training step.
    @Test("Later iterations touch no new memory.", arguments: [nil, 2] as [Int?])
    func laterIterationsAskForNothing(ranks: Int?) throws {
      let workplace = try Workplace()
      let iterations = 9
      try workplace.train(
        "run", ranks: ranks,
        set: [
          "classification.iterations=\(iterations)", "segmentation.iterations=\(iterations)", "checkpoint.every=0",
          "threads=2",
        ])
      let lines = workplace.metrics("run")
      #expect(lines.count == 2 * iterations)
      for line in lines {
        let faults = try #require(line.pageFaults)
        #expect(line.iteration < 4 || faults <= 64, "\(line.phase) \(line.iteration): \(faults) page faults")
        // The count itself works.
        if line.iteration == 1 { #expect(faults > 200) }
      }
    }
  }
}
