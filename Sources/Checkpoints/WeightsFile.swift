// Files of weights: safetensors, plain or compressed with zstd. `zstd -d` turns the latter into the former.
import Compute
import Foundation
import Support

package enum WeightsFile {
  /// The size and the SHA-256 of a written file, as a manifest records them.
  package struct Written: Sendable, Equatable, Codable {
    package let bytes: Int
    package let sha256: String
  }

  /// Reads a file. Its first bytes, not its name, decide whether it is compressed.
  package static func read(_ url: URL) throws -> StoredTensors {
    try SafeTensors.read(ZstdFile.open(url.path))
  }

  /// Writes tensors, compressed if the name ends in `.zst`, and makes the file durable.
  ///
  /// - Parameter threads: the compressor's threads. The bytes do not depend on their number if the library has thread
  ///   support.
  @discardableResult
  package static func write(
    _ tensors: [TensorToWrite], metadata: [String: String] = [:], to url: URL, threads: Int = 1,
    files: FileLayer = .system, digest: SHA256? = nil
  ) throws -> Written {
    let file = try FileSink(url.path, files: files)
    try SafeTensors.write(tensors, metadata: metadata, digest: digest) { contentBytes in
      guard url.pathExtension == "zst" else { return file }
      return try ZstdSink(file, contentBytes: contentBytes, threads: threads)
    }
    return Written(bytes: file.bytes, sha256: file.sha256())
  }

  @discardableResult
  package static func write(
    _ tensors: [NamedTensor], metadata: [String: String] = [:], to url: URL, threads: Int = 1,
    files: FileLayer = .system
  ) throws -> Written {
    try write(
      tensors.map(TensorToWrite.init), metadata: metadata, to: url, threads: threads, files: files)
  }

  /// Writes a file under a temporary name beside `url` and renames it: readers see the old file or the whole new one.
  /// `AtomicFile` does the same for other files. Weights are compressed and hashed while they are written, through the
  /// `FileLayer` in which tests inject disk errors.
  @discardableResult
  package static func publish(
    _ tensors: [NamedTensor], metadata: [String: String] = [:], to url: URL
  ) throws -> Written {
    // The temporary name keeps the suffix, which selects the compression.
    let temporary = url.deletingLastPathComponent().appendingPathComponent(".tmp-\(getpid())-\(url.lastPathComponent)")
    do {
      let written = try write(tensors, metadata: metadata, to: temporary, threads: CheckpointStore.compressorThreads)
      if rename(temporary.path, url.path) != 0 { throw systemError(url.path, "publish") }
      try FileLayer.system.syncDirectory(url.deletingLastPathComponent().path)
      return written
    } catch {
      unlink(temporary.path)
      throw error
    }
  }
}
