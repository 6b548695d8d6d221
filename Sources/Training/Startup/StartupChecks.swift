// The checks before training that all ranks form one run. They must have the same program, configuration, data and
// arithmetic, because otherwise the weights would depend on which rank computes which shard.
import Cluster
import Foundation
import Kernels
import Support

package enum StartupChecks {
  /// Compares all ranks. Collective: it throws on all ranks if they differ, with the text of `StartupError`. Rank 0
  /// prints a table of the hosts, and warnings.
  package static func run(
    _ configuration: Configuration, _ options: TrainingOptions, _ communicator: Communicator, threads: Int,
    say: (String) -> Void
  ) throws {
    let facts = StartupFacts.here(configuration, options, communicator, threads: threads)
    let all = try communicator.gather(Array(JSONText.encode(facts, .line)))
    try communicator.rethrowOnAllRanks {
      guard let all else { return }
      let report = StartupReport(try all.map { try JSONText.decode(StartupFacts.self, from: $0) })
      // The table comes first, because it shows where the ranks named by an error run.
      report.table.forEach(say)
      if let error = report.error { throw error }
      for warning in report.warnings { say("warning: \(warning)") }
    }
  }

  /// Compares the images of all ranks and their labels, which come from the masks. Collective: throws on all ranks.
  package static func requireSameLabels(_ data: TrainingData, _ communicator: Communicator) throws {
    let digest = SHA256()
    for (images, labels) in [(data.labelled, data.labelledLabels), (data.masked, data.maskedLabels)] {
      for (image, classes) in zip(images, labels) {
        digest.update("\(image.id) \(classes.map { $0 ? "1" : "0" }.joined())\n")
      }
    }
    let all = try communicator.gather(Array("\(digest.hex()) \(communicator.nodeName)".utf8))
    try communicator.rethrowOnAllRanks {
      guard let all else { return }
      let found = all.map { String(decoding: $0, as: UTF8.self).split(separator: " ", maxSplits: 1).map(String.init) }
      if let difference = RankDifference(.labels, hosts: found.map { $0[1] }, values: found.map { $0[0] }) {
        throw StartupError.differs(difference)
      }
    }
  }
}
