// What makes a run checkable after the fact: RUN/verification.jsonl, a line an iteration with the loss of each shard, and
// each `verify.every` iterations with a word for every layer's gradient in every shard, the digest of the weights, and a digest
// that chains it all to what came before. `dnet verify` computes a range again and names the first difference.
import Batches
import Checkpoints
import Cluster
import Support
import Foundation
import Compute

/// A line of RUN/verification.jsonl.
package struct VerificationLine: Codable, Equatable, Sendable {
  package var phase: String
  /// Iterations of the phase done, this one included.
  package var iteration: Int
  /// Of every shard.
  package var losses: [Double]
  /// Which rank each shard was on, by the host's name.
  package var hosts: [String]
  /// The fields below are there each `verify.every` iterations. SHA-256 of the parameters after the iteration.
  package var weightsDigest: String?
  /// SHA-256 of the chained digest before, the configuration, the minibatch's examples and the weights' digest.
  package var digest: String?
  /// Layer by layer in the order of the backward pass.
  package var gradients: [LayerChecksums]?

  package struct LayerChecksums: Codable, Equatable, Sendable {
    package var layer: String
    /// A word for each shard.
    package var words: [String]
  }

  enum CodingKeys: String, CodingKey {
    case phase, iteration, losses, hosts, digest, gradients
    case weightsDigest = "weights_digest"
  }
}

/// One rank's words of its gradients in an iteration, layer by layer as they are written.
final class GradientChecksums {
  private let table: ParameterTable
  private let sums: PartialSums
  private var layers: [String] = []
  /// By layer, for this rank's shards in order.
  private var words: [String: [UInt64]] = [:]

  init(_ table: ParameterTable, _ sums: PartialSums) { (self.table, self.sums) = (table, sums) }

  /// Adds the gradients that a layer has written for the current shard.
  func add(_ layer: LayerParameters) {
    let gradient = sums.currentGradient
    var word = GradientChecksum()
    for parameter in layer.indices {
      if table.parameters[parameter].gradient == .stored {
        word.add(gradient.stored + table.offsets[parameter], count: table.parameters[parameter].count)
      } else if let factors = gradient.factors {
        word.mix(factors.word(parameter, shard: gradient.shard))
      }
    }
    if words[layer.name] == nil { layers.append(layer.name) }
    words[layer.name, default: []].append(word.value)
  }

  /// All ranks' words by layer and shard on rank 0, nil elsewhere. Collective.
  func gather(_ communicator: Communicator) throws -> [VerificationLine.LayerChecksums]? {
    let own = layers.flatMap { words[$0]! }.withUnsafeBytes { Array($0) }
    guard let all = try communicator.gather(own) else { return nil }
    let ranks = all.map { bytes in bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) } }
    return layers.enumerated().map { place, layer in
      .init(
        layer: layer,
        words: ranks.flatMap { words in
          let shards = words.count / layers.count
          return words[place * shards..<(place + 1) * shards].map { String($0, radix: 16) }
        })
    }
  }
}

/// RUN/verification.jsonl while a run writes it; rank 0's.
final class VerificationLog {
  private let handle: FileHandle
  private let path: String
  private let configuration: Configuration
  /// The digest of the last line that has one.
  private(set) var chain: String

  /// Opens the log and cuts off lines that `keep` does not want.
  /// - Parameter chain: what a chain without lines begins with.
  init(path: String, _ configuration: Configuration, chain start: String?, keep: (VerificationLine) -> Bool) throws {
    (self.path, self.configuration) = (path, configuration)
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

  /// Appends a line; with a digest where weights are given.
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
      (line.weightsDigest, line.digest, line.gradients) = (digest, chain, gradients)
    }
    do { try handle.write(contentsOf: Self.text([line])) } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  private static func text(_ lines: [VerificationLine]) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return try lines.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
  }

  /// The lines of a log; a last line that a kill cut short is left out.
  static func read(_ path: String) -> [VerificationLine] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    let decoder = JSONDecoder()
    return data.split(separator: UInt8(ascii: "\n")).compactMap { try? decoder.decode(VerificationLine.self, from: $0) }
  }
}
