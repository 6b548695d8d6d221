// The manifest of a checkpoint, manifest.json, in the current format and in older ones.
import Foundation
import Support

/// The content of `manifest.json`.
package struct Manifest: Codable, Sendable, Equatable {
  package struct OptimizerState: Codable, Sendable, Equatable {
    /// The `WeightsDigest` of the state's file; nil in format 1.
    package var digest: String?
  }

  /// The format that is written.
  ///
  /// 1. camelCase keys, no SHA256SUMS, no digest of the momentum.
  /// 2. SHA256SUMS, `momentumDigest`, and the last four fields of the description.
  /// 3. snake_case keys, `phase_index`, and any number of named optimizer states in place of the momentum.
  package static let currentFormat = 3

  package var formatVersion = Manifest.currentFormat
  package var description: CheckpointDescription
  /// The number of values in the file of weights.
  package var parameterCount: Int
  /// The `WeightsDigest` of the file of weights.
  package var weightsDigest: String
  /// The optimizer states by name.
  package var optimizerStates: [String: OptimizerState]
  /// Size and SHA-256 by file name.
  package var files: [String: WeightsFile.Written]

  init(
    description: CheckpointDescription, parameterCount: Int, weightsDigest: String,
    optimizerStates: [String: OptimizerState], files: [String: WeightsFile.Written]
  ) {
    self.description = description
    self.parameterCount = parameterCount
    self.weightsDigest = weightsDigest
    self.optimizerStates = optimizerStates
    self.files = files
  }

  /// Returns the bytes of `manifest.json`. The format also stands under its former key, where dnet 0.1 looks for it:
  /// that program then refuses the checkpoint as newer instead of skipping it as damaged.
  func json() throws -> [UInt8] {
    let text = String(decoding: try JSONText.encode(self), as: UTF8.self)
    let opening = "{\n"
    precondition(text.hasPrefix(opening), "a manifest is a JSON object")
    return Array((opening + "  \"formatVersion\" : \(formatVersion),\n" + text.dropFirst(opening.count)).utf8)
  }

  /// Reads a manifest of any format up to the current one.
  init(json: [UInt8], path: String) throws {
    struct Version: Decodable {
      struct Description: Decodable { let dnetVersion: String? }
      let formatVersion: Int
      let description: Description?
    }
    guard let version = try? JSONText.decode(Version.self, from: json) else {
      throw CheckpointError.damaged(path: path, "it is not a manifest in JSON")
    }
    switch version.formatVersion {
    case Self.currentFormat: self = try Self.decode(Manifest.self, json, path)
    case 1, 2: self = try Self.decode(EarlierManifest.self, json, path).manifest
    case (Self.currentFormat + 1)...:
      throw CheckpointError.newerFormat(
        path: path, format: version.formatVersion, reads: 1...Self.currentFormat,
        writer: version.description?.dnetVersion ?? "of unknown version")
    default: throw CheckpointError.damaged(path: path, "there is no format \(version.formatVersion)")
    }
    guard files.keys.allSatisfy({ !$0.contains("/") && !$0.hasPrefix(".") }),
      optimizerStates.keys.allSatisfy(Self.isStateName)
    else { throw CheckpointError.damaged(path: path, "it lists files outside its directory") }
  }

  /// Returns true if an optimizer state of this name has a file of its own in the checkpoint's directory.
  static func isStateName(_ name: String) -> Bool {
    !name.isEmpty && !name.contains("/") && !name.hasPrefix(".")
      && Checkpoint.fileName(ofState: name) != Checkpoint.weightsName
  }

  private static func decode<T: Decodable>(_ type: T.Type, _ json: [UInt8], _ path: String) throws -> T {
    do {
      return try JSONText.decode(type, from: json)
    } catch {
      throw CheckpointError.damaged(path: path, "a field of the manifest is missing or has another type")
    }
  }
}

/// A manifest of format 1 or 2, whose only optimizer state is the momentum.
private struct EarlierManifest: Decodable {
  struct Description: Decodable {
    let phase: String
    let iteration: Int
    let endsPhase: Bool
    let seed: UInt64
    let configuration: String
    let network: String
    let ranks: Int
    let dnetVersion: String
    // Format 2 only.
    let instructionSet: String?
    let blas: String?
    let data: [String: String]?
    let allowedChanges: [String]?
  }

  let formatVersion: Int
  let description: Description
  let parameterCount: Int
  let weightsDigest: String
  /// Format 2 only.
  let momentumDigest: String?
  let files: [String: WeightsFile.Written]

  var manifest: Manifest {
    var manifest = Manifest(
      description: CheckpointDescription(
        phase: description.phase, phaseIndex: nil, iteration: description.iteration, endsPhase: description.endsPhase,
        seed: description.seed, configuration: description.configuration, network: description.network,
        ranks: description.ranks, dnetVersion: description.dnetVersion,
        instructionSet: description.instructionSet ?? "", blas: description.blas ?? "", data: description.data ?? [:],
        allowedChanges: description.allowedChanges ?? []),
      parameterCount: parameterCount, weightsDigest: weightsDigest,
      optimizerStates: ["momentum": .init(digest: momentumDigest)], files: files)
    manifest.formatVersion = formatVersion
    return manifest
  }
}
