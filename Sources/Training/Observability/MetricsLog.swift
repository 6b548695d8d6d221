// RUN/metrics.jsonl: a line of JSON for each iteration, for programs. A resumed run cuts the file back to its
// checkpoint, so that each iteration appears once.
import Foundation
import Support

/// The metrics of one iteration.
package struct IterationMetrics: Sendable, Codable, Equatable {
  package var phase: String
  /// The number of iterations of the phase that are done, including this one.
  package var iteration: Int
  /// The mean over the shards.
  package var loss: Double
  /// The share of right decisions: of labels or of pixels, depending on the phase.
  package var accuracy: Double
  package var learningRate: Double
  package var examplesPerSecond: Double
  package var seconds: Double
  /// The part of `seconds` in which rank 0 waited for data and for other ranks.
  package var secondsWaiting: Double
  /// The part of `seconds` in which the checkpoint before the iteration delayed it; nil without a checkpoint.
  package var secondsCheckpointing: Double?
  /// The page faults of rank 0 in the iteration; nil in lines of older versions.
  package var pageFaults: Int?
  /// The time of each rank up to its report of the iteration; nil for one rank.
  package var ranks: RankMetrics?
  /// The chained digest (docs/formats.md), every `verify.every` iterations.
  package var digest: String?
}

package final class MetricsLog {
  private let handle: FileHandle
  private let path: String

  /// Opens the log and removes the lines that `keep` rejects.
  package init(path: String, keep: (_ line: IterationMetrics) -> Bool) throws {
    self.path = path
    var text = Data()
    for line in Self.read(path) where keep(line) { text += try JSONText.encode(line, .line) }
    do throws(FileError) { try AtomicFile.write(text, to: path) } catch {
      throw RunError.cannotWrite(path: path, reason: error.reason)
    }
    do {
      handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try handle.seekToEnd()
    } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  package func append(_ metrics: IterationMetrics) throws {
    do {
      try handle.write(contentsOf: JSONText.encode(metrics, .line))
    } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  /// Reads the lines of a log, without a last line that was cut short when the process was killed.
  package static func read(_ path: String) -> [IterationMetrics] {
    FileManager.default.contents(atPath: path).map { JSONText.decodeLines(IterationMetrics.self, from: $0) } ?? []
  }
}
