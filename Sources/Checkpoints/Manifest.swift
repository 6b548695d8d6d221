// What a checkpoint says of itself, and the versions of its format.
import Support
import Foundation

/// What a checkpoint belongs to.
package struct CheckpointDescription: Codable, Sendable, Equatable {
  /// classification or segmentation.
  package var phase: String
  /// Iterations of the phase that are done.
  package var iteration: Int
  /// The phase's last; such checkpoints are kept.
  package var endsPhase: Bool
  package var seed: UInt64
  /// The resolved configuration as it stands in RUN/config.yaml.
  package var configuration: String
  /// The network in words: model, width, input size, classes.
  package var network: String
  /// Ranks that wrote it; any other number may go on from it.
  package var ranks: Int
  package var dnetVersion: String
  /// What the program was compiled for, and the kernels of the matrix library: weights are a function of both. Empty where
  /// it was not noted.
  package var instructionSet: String
  package var blas: String
  /// SHA-256 of lists or packs, by configuration key.
  package var data: [String: String]
  /// Keys of the configuration that were changed on the way with `--allow-change`, sorted.
  package var allowedChanges: [String]

  package init(
    phase: String, iteration: Int, endsPhase: Bool, seed: UInt64, configuration: String, network: String, ranks: Int,
    dnetVersion: String, instructionSet: String = "", blas: String = "", data: [String: String] = [:],
    allowedChanges: [String] = []
  ) {
    self.phase = phase
    self.iteration = iteration
    self.endsPhase = endsPhase
    self.seed = seed
    self.configuration = configuration
    self.network = network
    self.ranks = ranks
    self.dnetVersion = dnetVersion
    self.instructionSet = instructionSet
    self.blas = blas
    self.data = data
    self.allowedChanges = allowedChanges.sorted()
  }

  /// `segmentation-000120`
  package var name: String {
    phase + "-" + String(repeating: "0", count: max(0, 6 - "\(iteration)".count)) + "\(iteration)"
  }
}

/// The content of `manifest.json`.
package struct Manifest: Codable, Sendable, Equatable {
  /// Of this layout of files. Version 1 had neither SHA256SUMS nor the description's last four fields.
  package static let currentFormat = 2

  package var formatVersion = Manifest.currentFormat
  package var description: CheckpointDescription
  /// Scalars in the file of weights.
  package var parameterCount: Int
  /// `WeightsDigest` of the file of weights.
  package var weightsDigest: String
  /// The same over the file of momentum; empty in version 1.
  package var momentumDigest: String
  /// Size and SHA-256 by file name.
  package var files: [String: WeightsFile.Written]

  /// The bytes of `manifest.json`.
  func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [10]
  }

  /// Reads a manifest of any version up to `currentFormat`.
  init(json: [UInt8], path: String) throws {
    struct Version: Decodable {
      struct Description: Decodable { let dnetVersion: String? }
      let formatVersion: Int
      let description: Description?
    }
    let decoder = JSONDecoder()
    guard let version = try? decoder.decode(Version.self, from: Data(json)) else {
      throw CheckpointError.damaged(path: path, "it is no manifest in JSON")
    }
    switch version.formatVersion {
    case Self.currentFormat: self = try Self.decode(Manifest.self, json, path)
    case 1: self = try Self.decode(ManifestFormat1.self, json, path).manifest
    case (Self.currentFormat + 1)...:
      throw CheckpointError.newerFormat(
        path: path, format: version.formatVersion, reads: 1...Self.currentFormat,
        writer: version.description?.dnetVersion ?? "of unknown version")
    default: throw CheckpointError.damaged(path: path, "there is no format \(version.formatVersion)")
    }
    guard files.keys.allSatisfy({ !$0.contains("/") && !$0.hasPrefix(".") }) else {
      throw CheckpointError.damaged(path: path, "it lists files outside its directory")
    }
  }

  init(
    description: CheckpointDescription, parameterCount: Int, weightsDigest: String, momentumDigest: String,
    files: [String: WeightsFile.Written]
  ) {
    self.description = description
    self.parameterCount = parameterCount
    self.weightsDigest = weightsDigest
    self.momentumDigest = momentumDigest
    self.files = files
  }

  private static func decode<T: Decodable>(_ type: T.Type, _ json: [UInt8], _ path: String) throws -> T {
    do {
      return try JSONDecoder().decode(type, from: Data(json))
    } catch {
      throw CheckpointError.damaged(path: path, "a field of the manifest is missing or of another type")
    }
  }
}

/// As dnet wrote it before there was a version 2.
private struct ManifestFormat1: Decodable {
  struct Description: Decodable {
    let phase: String
    let iteration: Int
    let endsPhase: Bool
    let seed: UInt64
    let configuration: String
    let network: String
    let ranks: Int
    let dnetVersion: String
  }

  let description: Description
  let parameterCount: Int
  let weightsDigest: String
  let files: [String: WeightsFile.Written]

  var manifest: Manifest {
    var manifest = Manifest(
      description: CheckpointDescription(
        phase: description.phase, iteration: description.iteration, endsPhase: description.endsPhase,
        seed: description.seed, configuration: description.configuration, network: description.network,
        ranks: description.ranks, dnetVersion: description.dnetVersion),
      parameterCount: parameterCount, weightsDigest: weightsDigest, momentumDigest: "", files: files)
    manifest.formatVersion = 1
    return manifest
  }
}
