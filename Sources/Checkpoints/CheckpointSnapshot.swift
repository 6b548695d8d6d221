// The content of a checkpoint that is about to be written.
import Compute
import Foundation
import Support

/// One named state of an optimizer: a tensor for each parameter that is trained.
package struct OptimizerStateToWrite {
  package let name: String
  package let tensors: [TensorToWrite]

  package init(name: String, tensors: [TensorToWrite]) {
    precondition(Manifest.isStateName(name), "\"\(name)\" cannot be the name of an optimizer state")
    self.name = name
    self.tensors = tensors
  }
}

/// The weights and optimizer states of a checkpoint. Training continues while they are written.
///
/// `@unchecked Sendable`: the snapshot is immutable, and so are its tensors by the rule of `init`.
package final class CheckpointSnapshot: @unchecked Sendable {
  package let description: CheckpointDescription
  private let weights: [NamedTensor]
  private let optimizerStates: [OptimizerStateToWrite]
  private let drain: (() throws -> Void)?

  /// - Parameters:
  ///   - weights: all tensors of the model. Nothing is copied: values must not change until
  ///     `CheckpointStore.waitForWriter` returns.
  ///   - optimizerStates: the states in the order in which they are written. Their tensors may come piece by piece.
  ///   - drain: called when the snapshot is no longer needed, whether it was written or not.
  package init(
    _ description: CheckpointDescription, weights: [NamedTensor], optimizerStates: [OptimizerStateToWrite],
    drain: (() throws -> Void)? = nil
  ) {
    self.description = description
    self.weights = weights
    self.optimizerStates = optimizerStates
    self.drain = drain
  }

  /// Takes the rest of optimizer states that come in pieces.
  func finish() throws { try drain?() }

  /// The most bytes that the files take: zstd lengthens incompressible data by less than one part in 256.
  var bytesNeeded: Int {
    let states = optimizerStates.flatMap(\.tensors).reduce(0) { $0 + $1.byteCount + 200 }
    let values = weights.reduce(states) { $0 + 4 * $1.values.count + 200 }
    return values + values / 256 + 65_536
  }

  /// Writes all files into an empty directory, makes them durable, and reads them back.
  func write(into directory: URL, threads: Int, files layer: FileLayer) throws {
    let metadata = [
      "dnet": description.dnetVersion, "phase": description.phase, "iteration": "\(description.iteration)",
      "network": description.network,
    ]
    var files: [String: WeightsFile.Written] = [:]
    var digests: [String: String] = [:]
    let states = optimizerStates.map { (Checkpoint.fileName(ofState: $0.name), $0.tensors) }
    for (name, tensors) in [(Checkpoint.weightsName, weights.map(TensorToWrite.init))] + states {
      let digest = SHA256()
      files[name] = try WeightsFile.write(
        tensors, metadata: metadata, to: directory.appendingPathComponent(name), threads: threads,
        files: layer, digest: digest)
      digests[name] = digest.hex()
    }
    let manifest = Manifest(
      description: description, parameterCount: weights.reduce(0) { $0 + $1.values.count },
      weightsDigest: digests[Checkpoint.weightsName]!,
      optimizerStates: Dictionary(
        uniqueKeysWithValues: optimizerStates.map {
          ($0.name, Manifest.OptimizerState(digest: digests[Checkpoint.fileName(ofState: $0.name)]))
        }), files: files)
    let json = try manifest.json()
    for (name, bytes) in [
      (Checkpoint.manifestName, json), (Checkpoint.sumsName, Checkpoint.sums(manifest: json, files)),
    ] {
      let sink = try FileSink(directory.appendingPathComponent(name).path, files: layer)
      try bytes.withUnsafeBytes { try sink.write($0) }
      try sink.finish()
    }
    try layer.syncDirectory(directory.path)
    // The checkpoint counts only if the disk returns what memory holds.
    guard try Checkpoint(verifying: directory, files: layer).manifest == manifest else {
      throw CheckpointError.damaged(path: directory.path, "its manifest differs from what was written")
    }
    for (name, digest) in digests.sorted(by: { $0.key > $1.key }) {
      let path = directory.appendingPathComponent(name).path
      guard try WeightsDigest.hex(ofFile: path, files: layer) == digest else {
        throw CheckpointError.damaged(
          path: path, "read back, it holds other values than were written: check memory and disk")
      }
    }
  }
}
