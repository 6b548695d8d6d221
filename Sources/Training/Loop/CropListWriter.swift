// The distributed generation of a crop list: units of work are assigned to ranks in rounds, and rank 0 writes their
// lines in the order of the units, so that the bytes do not depend on the number of ranks or threads.
import Cluster
import Compute
import Datasets
import Images
import Proposals
import Support

package enum CropListWriter {
  package struct Summary: Sendable {
    /// The SHA-256 of the lines on rank 0, empty on other ranks.
    package var digest: String
    package var bytes: Int
  }

  /// Writes the list to `path` on rank 0. The file appears under its name when it is complete. Collective.
  ///
  /// Memory holds one round: a few units per thread, each of at most 256 combinations of one image.
  ///
  /// - Parameter progress: called on rank 0 with the number of images done and the total.
  package static func write(
    _ job: CropListJob, to path: String, _ communicator: Communicator, workers: WorkerPool,
    progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws -> Summary {
    let isFirst = communicator.rank == 0
    let digest = SHA256()
    let file = try communicator.rethrowOnAllRanks {
      guard isFirst else { return AtomicFile?.none }
      let file = try AtomicFile(path)
      try file.append(Array(job.header.utf8))
      return file
    }
    let share = Int(try communicator.agree([Int64(workers.threads)])[0]) * 2
    for round in stride(from: 0, to: job.units.count, by: share * communicator.size) {
      let start = min(round + communicator.rank * share, job.units.count)
      let own = start..<min(start + share, job.units.count)
      let lines = try communicator.rethrowOnAllRanks {
        try workers.map(Array(job.units[own]), job.text).flatMap { $0 }
      }
      let all = try communicator.gather(lines) ?? []
      try communicator.rethrowOnAllRanks {
        for lines in all {
          lines.withUnsafeBytes { digest.update($0) }
          try file?.append(lines)
        }
      }
      let done = min(round + share * communicator.size, job.units.count)
      if isFirst { progress(done == job.units.count ? job.images.count : job.units[done].image, job.images.count) }
    }
    return try communicator.rethrowOnAllRanks {
      guard let file else { return Summary(digest: "", bytes: 0) }
      let hex = digest.hex()
      try file.replace(at: CropListText.digestOffset, by: Array(hex.utf8))
      try file.publish()
      return Summary(digest: hex, bytes: file.count)
    }
  }
}
