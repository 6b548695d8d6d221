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

/// A line of RUN/verification.jsonl.
package struct VerificationLine: Codable, Equatable, Sendable {
  package var phase: String
  /// The number of iterations of the phase that are done, including this one.
  package var iteration: Int
  /// The loss of each shard.
  package var losses: [Double]
  /// The rank and the host of each shard.
  package var hosts: [String]
  /// The SHA-256 of the parameters after the iteration. This field and the next two are present every `verify.every`
  /// iterations.
  package var weightsDigest: String?
  /// The SHA-256 of the previous chained digest, the configuration, the minibatch's examples and the weights' digest.
  package var digest: String?
  /// The checksums of the gradients, layer by layer in the order of the backward pass.
  package var gradients: [LayerChecksums]?

  package struct LayerChecksums: Codable, Equatable, Sendable {
    package var layer: String
    /// 64 bits in hexadecimal for each shard.
    package var words: [String]
  }
}

/// The checksums of one rank's gradients in an iteration, layer by layer.
final class GradientChecksums {
  private let table: ParameterTable
  private let sums: PartialSums
  private var layers: [String] = []
  /// The checksums by layer, for this rank's shards in order.
  private var checksums: [String: [UInt64]] = [:]

  init(_ table: ParameterTable, _ sums: PartialSums) {
    self.table = table
    self.sums = sums
  }

  /// Adds the gradients that a layer has written for the current shard.
  func add(_ layer: LayerParameters) {
    let gradient = sums.currentGradient
    var checksum = GradientChecksum()
    for parameter in layer.indices {
      if table.parameters[parameter].gradient == .stored {
        checksum.add(gradient.stored + table.offsets[parameter], count: table.parameters[parameter].count)
      } else if let factors = gradient.factors {
        checksum.mix(factors.checksum(parameter, shard: gradient.shard))
      }
    }
    if checksums[layer.name] == nil { layers.append(layer.name) }
    checksums[layer.name, default: []].append(checksum.value)
  }

  /// Returns the checksums of all ranks by layer and shard on rank 0, and nil on other ranks. Collective.
  func gather(_ communicator: Communicator) throws -> [VerificationLine.LayerChecksums]? {
    let own = layers.flatMap { checksums[$0]! }.withUnsafeBytes { Array($0) }
    guard let all = try communicator.gather(own) else { return nil }
    let ranks = all.map { bytes in bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) } }
    return layers.enumerated().map { place, layer in
      .init(
        layer: layer,
        words: ranks.flatMap { checksums in
          let shards = checksums.count / layers.count
          return checksums[place * shards..<(place + 1) * shards].map { String($0, radix: 16) }
        })
    }
  }
}

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
