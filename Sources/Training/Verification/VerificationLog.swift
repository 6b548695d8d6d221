// RUN/verification.jsonl: the log by which `dnet verify` checks a run afterwards.
//
// Each iteration has a line with the loss of each shard. Every `verify.every` iterations the line also has a checksum
// of every layer's gradient in every shard, the digest of the weights, and a digest that chains the line to all lines
// before. `dnet verify` repeats a range of iterations and names the first difference.
import Batches
import Checkpoints
import Cluster
import Compute
import Foundation
import Support

/// The writer of RUN/verification.jsonl, on rank 0.
final class VerificationLog {
  private let handle: FileHandle
  private let path: String
  private let configuration: Configuration
  /// The digest of the last line with a digest.
  private(set) var chain: String

  /// Opens the log and removes the lines that `keep` rejects.
  ///
  /// - Parameter chain: the digest that precedes the first line; nil at the beginning of a run.
  init(path: String, _ configuration: Configuration, chain start: String?, keep: (VerificationLine) -> Bool) throws {
    self.path = path
    self.configuration = configuration
    let kept = Self.read(path).filter(keep)
    chain = kept.last { $0.digest != nil }?.digest ?? start ?? "the beginning"
    let text = try Self.text(kept)
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

  /// Appends a line, with digests if weights are given.
  func append(
    _ line: VerificationLine, weights: [NamedTensor]?, gradients: [VerificationLine.LayerChecksums]?,
    examples: () -> [String]
  ) throws {
    var line = line
    if let weights {
      let digest = WeightsDigest.hex(of: weights)
      chain = SHA256.hex(
        of: ([chain, configuration.fingerprint, line.phase, "\(line.iteration)"] + examples() + [digest]).joined(
          separator: "\n"))
      line.weightsDigest = digest
      line.digest = chain
      line.gradients = gradients
    }
    do { try handle.write(contentsOf: Self.text([line])) } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  private static func text(_ lines: [VerificationLine]) throws -> Data {
    try lines.reduce(into: Data()) { $0 += try JSONText.encode($1, .line) }
  }

  /// Reads the lines of a log, without a last line that was cut short when the process was killed.
  static func read(_ path: String) -> [VerificationLine] {
    FileManager.default.contents(atPath: path).map { JSONText.decodeLines(VerificationLine.self, from: $0) } ?? []
  }
}
