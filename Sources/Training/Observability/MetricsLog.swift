// metrics.jsonl: one line an iteration, for programs. Appended, and on resuming cut back to the checkpoint's iteration,
// so that each iteration stands in it once.
import Foundation
import Support

/// One iteration's figures.
package struct IterationMetrics: Sendable, Codable, Equatable {
  package var phase: String
  /// Iterations of the phase done, this one included.
  package var iteration: Int
  /// Mean over the shards.
  package var loss: Double
  /// Share of right decisions: of labels in phase one, of pixels in phase two.
  package var accuracy: Double
  package var learningRate: Double
  package var examplesPerSecond: Double
  package var seconds: Double
  /// Of `seconds`, what rank 0 waited for data and for other ranks.
  package var secondsWaiting: Double
  /// Of `seconds`, what the checkpoint before the iteration held it up; nil where there was none.
  package var secondsCheckpointing: Double?
  /// Of rank 0 in the iteration; nil in lines of older versions.
  package var pageFaults: Int?
  /// Where each rank's time went up to its report of the iteration; nil for one rank.
  package var ranks: RankMetrics?
  /// The chained digest (docs/formats.md), each `verify.every` iterations.
  package var digest: String?

  enum CodingKeys: String, CodingKey {
    case phase, iteration, loss, accuracy, seconds, ranks, digest
    case learningRate = "learning_rate"
    case examplesPerSecond = "examples_per_second"
    case secondsWaiting = "seconds_waiting"
    case pageFaults = "page_faults"
    case secondsCheckpointing = "seconds_checkpointing"
  }
}

package final class MetricsLog {
  private let handle: FileHandle
  private let path: String
  private let encoder: JSONEncoder

  /// Opens the log; lines later than `keep` says are cut off.
  package init(path: String, keep: (_ line: IterationMetrics) -> Bool) throws {
    self.path = path
    encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let kept = Self.read(path).filter(keep)
    var text = Data()
    for line in kept { text += try encoder.encode(line) + Data("\n".utf8) }
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
      try handle.write(contentsOf: encoder.encode(metrics) + Data("\n".utf8))
    } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  /// The lines of a log; a last line that a kill cut short is left out.
  package static func read(_ path: String) -> [IterationMetrics] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    let decoder = JSONDecoder()
    return data.split(separator: UInt8(ascii: "\n")).compactMap { try? decoder.decode(IterationMetrics.self, from: $0) }
  }
}
