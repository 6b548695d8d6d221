// Memory is asked for at the start: once the loop runs, the process meets no page that it has not met before.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct PageFaultsTests {
    /// The first iterations touch everything, and fill the cache of pictures. Some pages may go to the log and to MPI's small
    /// buffers: a quarter of a megabyte, where a single activation of a training step is more.
    @Test(arguments: [nil, 2] as [Int?])
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
