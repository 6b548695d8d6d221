// One checkpoint: a directory from which a run goes on as if it had never stopped.
//
//   PHASE-NNNNNN/weights.safetensors.zst     all weights after NNNNNN iterations of the phase
//   PHASE-NNNNNN/momentum.safetensors.zst    the velocity of the trained parameters, under their names
//   PHASE-NNNNNN/manifest.json               what they belong to, and the SHA-256 of both files
//   PHASE-NNNNNN/SHA256SUMS                  the SHA-256 of all three, as `sha256sum -c` reads them
//
// There is no random state: randomness is a function of seed and iteration.
import Support
import Foundation
import Compute

/// A checkpoint on disk whose manifest was read and whose files were checked.
package struct Checkpoint: Sendable {
  package static let weightsName = "weights.safetensors.zst"
  package static let momentumName = "momentum.safetensors.zst"
  package static let manifestName = "manifest.json"
  package static let sumsName = "SHA256SUMS"

  package let url: URL
  package let manifest: Manifest

  package var description: CheckpointDescription { manifest.description }

  /// Opens a checkpoint and checks sizes and SHA-256 of its files.
  package init(verifying url: URL) throws { try self.init(verifying: url, files: .system) }

  init(verifying url: URL, files layer: FileLayer) throws {
    self.url = url
    manifest = try Self.manifest(of: url, files: layer)
    for name in [Self.weightsName, Self.momentumName] where manifest.files[name] == nil {
      throw CheckpointError.damaged(path: url.path, "its manifest does not list \(name)")
    }
    for (name, wanted) in manifest.files.sorted(by: { $0.key < $1.key }) {
      let path = url.appendingPathComponent(name).path
      let size = try FileSource(path, files: layer).size
      guard size == wanted.bytes else {
        throw CheckpointError.damaged(path: path, "\(size) bytes where the manifest says \(wanted.bytes)")
      }
      let found = try FileSource.sha256(of: path, files: layer)
      guard found.hex == wanted.sha256 else {
        throw CheckpointError.damaged(path: path, "SHA-256 \(found.hex) where the manifest says \(wanted.sha256)")
      }
    }
  }

  /// Reads and checks a manifest only, not the files that it lists.
  package static func manifest(of url: URL) throws -> Manifest { try manifest(of: url, files: .system) }

  static func manifest(of url: URL, files layer: FileLayer) throws -> Manifest {
    let path = url.appendingPathComponent(manifestName).path
    let bytes = try smallFile(path, layer)
    let sumsPath = url.appendingPathComponent(sumsName).path
    let sums: [UInt8]? = access(sumsPath, F_OK) == 0 ? try smallFile(sumsPath, layer) : nil
    // Before anything in the manifest is believed. Only its own line: a later format may list other files.
    if let sums, !String(decoding: sums, as: UTF8.self).contains(line(manifestName, SHA256.hex(of: bytes))) {
      throw CheckpointError.damaged(path: path, "its SHA-256 is not the one in \(sumsName)")
    }
    let manifest = try Manifest(json: bytes, path: path)
    if manifest.formatVersion >= 2 {
      guard let sums else { throw CheckpointError.damaged(path: sumsPath, "it is missing") }
      guard sums == self.sums(manifest: bytes, manifest.files) else {
        throw CheckpointError.damaged(path: sumsPath, "it says something else than \(manifestName)")
      }
    }
    return manifest
  }

  /// The content of SHA256SUMS.
  static func sums(manifest: [UInt8], _ files: [String: WeightsFile.Written]) -> [UInt8] {
    var digests = files.mapValues(\.sha256)
    digests[manifestName] = SHA256.hex(of: manifest)
    return Array(digests.sorted { $0.key < $1.key }.map { line($0.key, $0.value) }.joined().utf8)
  }

  private static func line(_ name: String, _ hex: String) -> String { "\(hex)  \(name)\n" }

  /// A file of text; a damaged size is not believed.
  private static func smallFile(_ path: String, _ layer: FileLayer) throws -> [UInt8] {
    let file = try FileSource(path, files: layer)
    guard file.size <= 64 << 20 else { throw CheckpointError.damaged(path: path, "\(file.size) bytes are too many") }
    var bytes = [UInt8](repeating: 0, count: file.size)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
    guard got == bytes.count else {
      throw CheckpointError.damaged(path: path, "it ends after \(got) of \(bytes.count) bytes")
    }
    return bytes
  }

  package func weights() throws -> TensorStream { try TensorStream(url.appendingPathComponent(Self.weightsName)) }

  package func momentum() throws -> TensorStream { try TensorStream(url.appendingPathComponent(Self.momentumName)) }
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
      description, copying: weights, into: given, fixed: fixed, momentum: momentum.namedTensors.map(TensorToWrite.init),
      drain: nil)
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
    self.weights =
      fixed
      + weights.map { tensor in
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

  /// Bytes that its files take at most: zstd does not make noise longer by more than a part in 256.
  var bytesNeeded: Int {
    let values = weights.reduce(0) { $0 + 4 * $1.values.count + 200 } + momentum.reduce(0) { $0 + $1.byteCount + 200 }
    return values + values / 256 + 65_536
  }

  /// Writes all files into an empty directory, durably, and reads them back.
  func write(into directory: URL, level: Int, threads: Int, files layer: FileLayer) throws {
    let remarks = [
      "dnet": description.dnetVersion, "phase": description.phase, "iteration": "\(description.iteration)",
      "network": description.network,
    ]
    var files: [String: WeightsFile.Written] = [:]
    var digests: [String: String] = [:]
    for (name, tensors) in [
      (Checkpoint.weightsName, weights.map(TensorToWrite.init)), (Checkpoint.momentumName, momentum),
    ] {
      let digest = SHA256()
      files[name] = try WeightsFile.write(
        tensors, metadata: remarks, to: directory.appendingPathComponent(name), level: level, threads: threads,
        files: layer,
        digest: digest)
      digests[name] = digest.hex()
    }
    let manifest = Manifest(
      description: description, parameterCount: weights.reduce(0) { $0 + $1.values.count },
      weightsDigest: digests[Checkpoint.weightsName]!, momentumDigest: digests[Checkpoint.momentumName]!, files: files)
    let json = try manifest.json()
    for (name, bytes) in [
      (Checkpoint.manifestName, json), (Checkpoint.sumsName, Checkpoint.sums(manifest: json, files)),
    ] {
      let sink = try FileSink(directory.appendingPathComponent(name).path, files: layer)
      try bytes.withUnsafeBytes { try sink.write($0) }
      try sink.finish()
    }
    try layer.syncDirectory(directory.path)
    // It counts only if the disk gives back what memory holds.
    guard try Checkpoint(verifying: directory, files: layer).manifest == manifest else {
      throw CheckpointError.damaged(path: directory.path, "its manifest reads otherwise than it was written")
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
