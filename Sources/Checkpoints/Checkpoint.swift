// A checkpoint: a directory from which a run continues as if it had never stopped.
//
//   PHASE-NNNNNN/weights.safetensors.zst   all weights after NNNNNN iterations of the phase
//   PHASE-NNNNNN/STATE.safetensors.zst     one file for each named state of the optimizer, such as `momentum`: a tensor
//                                          for each trained parameter, under the parameter's name
//   PHASE-NNNNNN/manifest.json             what the files belong to, and the SHA-256 of each
//   PHASE-NNNNNN/SHA256SUMS                the SHA-256 of all of these files, in the format of `sha256sum -c`
//
// There is no random state to save: all randomness is a function of the seed and the iteration.
import Compute
import Foundation
import Support

/// A checkpoint on disk whose manifest was read and whose files were checked.
package struct Checkpoint: Sendable {
  package static let weightsName = "weights.safetensors.zst"
  package static let manifestName = "manifest.json"
  package static let sumsName = "SHA256SUMS"

  /// Returns the name of the file that holds an optimizer state.
  package static func fileName(ofState state: String) -> String { "\(state).safetensors.zst" }

  package let url: URL
  package let manifest: Manifest

  package var description: CheckpointDescription { manifest.description }

  /// Opens a checkpoint and checks the sizes and the SHA-256 of its files.
  package init(verifying url: URL) throws { try self.init(verifying: url, files: .system) }

  init(verifying url: URL, files layer: FileLayer) throws {
    self.url = url
    manifest = try Self.manifest(of: url, files: layer)
    for name in [Self.weightsName] + manifest.optimizerStates.keys.sorted().map(Self.fileName)
    where manifest.files[name] == nil {
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

  /// Reads and checks only the manifest, not the files that it lists.
  package static func manifest(of url: URL) throws -> Manifest { try manifest(of: url, files: .system) }

  static func manifest(of url: URL, files layer: FileLayer) throws -> Manifest {
    let path = url.appendingPathComponent(manifestName).path
    let bytes = try smallFile(path, layer)
    let sumsPath = url.appendingPathComponent(sumsName).path
    let sums: [UInt8]? = access(sumsPath, F_OK) == 0 ? try smallFile(sumsPath, layer) : nil
    // The manifest's own line is checked first, before its content is used. A later format may list other files.
    if let sums, !String(decoding: sums, as: UTF8.self).contains(line(manifestName, SHA256.hex(of: bytes))) {
      throw CheckpointError.damaged(path: path, "its SHA-256 is not the one in \(sumsName)")
    }
    let manifest = try Manifest(json: bytes, path: path)
    if manifest.formatVersion >= 2 {
      guard let sums else { throw CheckpointError.damaged(path: sumsPath, "it is missing") }
      guard sums == self.sums(manifest: bytes, manifest.files) else {
        throw CheckpointError.damaged(path: sumsPath, "it does not agree with \(manifestName)")
      }
    }
    return manifest
  }

  /// Returns the content of SHA256SUMS.
  static func sums(manifest: [UInt8], _ files: [String: WeightsFile.Written]) -> [UInt8] {
    var digests = files.mapValues(\.sha256)
    digests[manifestName] = SHA256.hex(of: manifest)
    return Array(digests.sorted { $0.key < $1.key }.map { line($0.key, $0.value) }.joined().utf8)
  }

  private static func line(_ name: String, _ hex: String) -> String { "\(hex)  \(name)\n" }

  /// Reads a text file. A size that no manifest has is refused, because it may come from damage.
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

  /// Opens the tensors of an optimizer state, such as `momentum`.
  package func optimizerState(_ name: String) throws -> TensorStream {
    guard manifest.optimizerStates[name] != nil else {
      let names = manifest.optimizerStates.keys.sorted().joined(separator: ", ")
      throw CheckpointError.damaged(
        path: url.path, "it has no optimizer state \(name), only \(names.isEmpty ? "weights" : names)")
    }
    return try TensorStream(url.appendingPathComponent(Self.fileName(ofState: name)))
  }
}
