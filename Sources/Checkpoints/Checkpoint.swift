// One checkpoint: a directory from which a run goes on as if it had never stopped.
//
//   PHASE-NNNNNN/weights.safetensors.zst     all weights after NNNNNN iterations of the phase
//   PHASE-NNNNNN/momentum.safetensors.zst    the velocity of the trained parameters, under their names
//   PHASE-NNNNNN/manifest.json               what they belong to, and the SHA-256 of both files
//
// There is no random state: randomness is a function of seed and iteration.
import Foundation
import Tensors

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

  package init(
    phase: String, iteration: Int, endsPhase: Bool, seed: UInt64, configuration: String, network: String, ranks: Int,
    dnetVersion: String
  ) {
    self.phase = phase
    self.iteration = iteration
    self.endsPhase = endsPhase
    self.seed = seed
    self.configuration = configuration
    self.network = network
    self.ranks = ranks
    self.dnetVersion = dnetVersion
  }

  /// `segmentation-000120`
  package var name: String { phase + "-" + String(repeating: "0", count: max(0, 6 - "\(iteration)".count)) + "\(iteration)" }
}

/// The content of `manifest.json`.
package struct Manifest: Codable, Sendable, Equatable {
  /// Of this layout of files; a reader refuses later ones.
  package static let currentFormat = 1

  package var formatVersion = Manifest.currentFormat
  package var description: CheckpointDescription
  /// Scalars in the file of weights.
  package var parameterCount: Int
  /// `WeightsDigest` of the file of weights.
  package var weightsDigest: String
  /// Size and SHA-256 by file name.
  package var files: [String: WeightsFile.Written]
}

/// A checkpoint on disk whose manifest was read and whose files were checked.
package struct Checkpoint: Sendable {
  package static let weightsName = "weights.safetensors.zst"
  package static let momentumName = "momentum.safetensors.zst"
  package static let manifestName = "manifest.json"

  package let url: URL
  package let manifest: Manifest

  package var description: CheckpointDescription { manifest.description }

  /// Opens a checkpoint and checks sizes and SHA-256 of its files.
  package init(verifying url: URL) throws {
    self.url = url
    manifest = try Self.manifest(of: url)
    for name in [Self.weightsName, Self.momentumName] where manifest.files[name] == nil {
      throw CheckpointError.damaged(path: url.path, "its manifest does not list \(name)")
    }
    for (name, wanted) in manifest.files.sorted(by: { $0.key < $1.key }) {
      let path = url.appendingPathComponent(name).path
      let size = try FileSource(path).size
      guard size == wanted.bytes else {
        throw CheckpointError.damaged(path: path, "\(size) bytes where the manifest says \(wanted.bytes)")
      }
      let found = try FileSource.sha256(of: path)
      guard found.hex == wanted.sha256 else {
        throw CheckpointError.damaged(path: path, "SHA-256 \(found.hex) where the manifest says \(wanted.sha256)")
      }
    }
  }

  /// Reads and checks a manifest only, not the files that it lists.
  package static func manifest(of url: URL) throws -> Manifest {
    let path = url.appendingPathComponent(manifestName).path
    let file = try FileSource(path)
    var bytes = [UInt8](repeating: 0, count: file.size)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
    struct Version: Decodable { let formatVersion: Int }
    guard got == bytes.count, let version = try? JSONDecoder().decode(Version.self, from: Data(bytes)) else {
      throw CheckpointError.damaged(path: path, "it is no manifest in JSON")
    }
    guard version.formatVersion == Manifest.currentFormat else {
      throw CheckpointError.damaged(
        path: path, "format \(version.formatVersion) where this dnet reads \(Manifest.currentFormat): use the dnet that wrote it")
    }
    guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes)) else {
      throw CheckpointError.damaged(path: path, "a field of the manifest is missing or of another type")
    }
    guard manifest.files.keys.allSatisfy({ !$0.contains("/") && !$0.hasPrefix(".") }) else {
      throw CheckpointError.damaged(path: path, "it lists files outside its directory")
    }
    return manifest
  }

  package func readWeights() throws -> StoredTensors {
    try WeightsFile.read(url.appendingPathComponent(Self.weightsName))
  }

  package func readMomentum() throws -> StoredTensors {
    try WeightsFile.read(url.appendingPathComponent(Self.momentumName))
  }
}

/// What a checkpoint holds, copied where training would change it, so that it goes on while the checkpoint is written.
///
/// `@unchecked Sendable`: nothing changes after it was made.
package final class CheckpointSnapshot: @unchecked Sendable {
  package let description: CheckpointDescription
  let weights: [NamedTensor]
  let momentum: [TensorToWrite]
  private let drain: (() throws -> Void)?

  /// - Parameters:
  ///   - weights: tensors of the model; they are copied now.
  ///   - given: memory for the copies, if there is some; new memory otherwise.
  ///   - fixed: all other tensors of the model. Neither they, `given` nor the momentum may change until
  ///     `CheckpointStore.waitForWriter` returns.
  ///   - momentum: the gathered velocity.
  package convenience init(
    _ description: CheckpointDescription, copying weights: [NamedTensor], into given: AlignedMemory? = nil,
    fixed: [NamedTensor] = [], momentum: ParameterVector
  ) {
    self.init(
      description, copying: weights, into: given, fixed: fixed, momentum: momentum.namedTensors.map(TensorToWrite.init), drain: nil)
  }

  /// - Parameters:
  ///   - momentum: the velocity; it may come piece by piece while it is written.
  ///   - drain: called when the snapshot is done with, written or not.
  package init(
    _ description: CheckpointDescription, copying weights: [NamedTensor], into given: AlignedMemory? = nil,
    fixed: [NamedTensor] = [], momentum: [TensorToWrite], drain: (() throws -> Void)?
  ) {
    self.description = description
    self.drain = drain
    let count = weights.reduce(0) { $0 + $1.values.count }
    let memory = given ?? AlignedMemory(floats: count, for: .snapshot)
    precondition(memory.count >= count, "\(count) floats do not fit into memory for \(memory.count)")
    var end = 0
    self.weights = fixed + weights.map { tensor in
      let place = memory.pointer + end
      withExtendedLifetime(tensor) {
        if let values = tensor.values.baseAddress { place.update(from: values, count: tensor.values.count) }
      }
      end += tensor.values.count
      return NamedTensor(
        name: tensor.name, shape: tensor.shape, values: UnsafeBufferPointer(start: place, count: tensor.values.count),
        owner: memory)
    }
    self.momentum = momentum
  }

  /// Takes the rest of a momentum that comes in pieces.
  func finish() throws { try drain?() }

  /// Writes all files and the manifest into an empty directory, durably.
  func write(into directory: URL, level: Int, threads: Int) throws {
    let remarks = [
      "dnet": description.dnetVersion, "phase": description.phase, "iteration": "\(description.iteration)",
      "network": description.network,
    ]
    var files: [String: WeightsFile.Written] = [:]
    for (name, tensors) in [(Checkpoint.weightsName, weights.map(TensorToWrite.init)), (Checkpoint.momentumName, momentum)] {
      files[name] = try WeightsFile.write(
        tensors, metadata: remarks, to: directory.appendingPathComponent(name), level: level, threads: threads)
    }
    let manifest = Manifest(
      description: description, parameterCount: weights.reduce(0) { $0 + $1.values.count },
      weightsDigest: WeightsDigest.hex(of: weights), files: files)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let sink = try FileSink(directory.appendingPathComponent(Checkpoint.manifestName).path)
    let json = Array(try encoder.encode(manifest)) + [10]
    try json.withUnsafeBytes { try sink.write($0) }
    try sink.finish()
    try syncDirectory(directory.path)
  }
}
