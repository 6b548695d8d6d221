// Bytes into and out of files in one pass, with every failure of the operating system turned into an error.
import Support
import Foundation

/// Where bytes go. `finish` must be called; without it a file may be short.
package protocol ByteSink: AnyObject {
  var path: String { get }
  func write(_ bytes: UnsafeRawBufferPointer) throws
  func finish() throws
}

/// Where bytes come from.
package protocol ByteSource: AnyObject {
  var path: String { get }
  /// Bytes that are still to come, where that is known.
  var remaining: Int? { get }
  /// Fills `bytes` as far as there is something; fewer only at the end.
  func read(into bytes: UnsafeMutableRawBufferPointer) throws -> Int
}

func systemError(_ path: String, _ operation: String, _ code: Int32 = errno) -> CheckpointError {
  .file(path: path, operation: operation, reason: String(cString: strerror(code)))
}

/// A new file. Counts and digests what is written; `finish` makes it durable (fsync).
package final class FileSink: ByteSink {
  package let path: String
  package private(set) var bytes = 0
  private var descriptor: Int32
  private let files: FileLayer
  private let digest = SHA256()

  /// Creates the file, or empties one that is there.
  package init(_ path: String, files: FileLayer = .system) throws {
    self.path = path
    self.files = files
    descriptor = files.open(path, O_WRONLY | O_CREAT | O_TRUNC)
    if descriptor < 0 { throw systemError(path, "create") }
  }

  deinit { if descriptor >= 0 { _ = files.close(descriptor) } }

  package func write(_ data: UnsafeRawBufferPointer) throws {
    digest.update(data)
    var done = 0
    while done < data.count {
      let written = files.write(descriptor, data.baseAddress! + done, min(data.count - done, 1 << 30))
      if written < 0 {
        if errno == EINTR { continue }
        throw systemError(path, "write")
      }
      // Nothing written and no reason given: no file system should, and to try for ever would be worse.
      if written == 0 { throw systemError(path, "write", EIO) }
      done += written
    }
    bytes += data.count
  }

  package func finish() throws {
    if files.fsync(descriptor) != 0 { throw systemError(path, "write to disk (fsync)") }
    // What is read back afterwards should come from the disk, not from memory.
    posix_fadvise(descriptor, 0, 0, 4 /* POSIX_FADV_DONTNEED */)
    let status = files.close(descriptor)
    descriptor = -1
    if status != 0 { throw systemError(path, "close") }
  }

  /// SHA-256 of the file, once, after `finish`.
  package func sha256() -> String { digest.hex() }
}

/// A file from its start.
package final class FileSource: ByteSource {
  package let path: String
  /// Size of the file when it was opened.
  package let size: Int
  private let descriptor: Int32
  private let files: FileLayer
  private var position = 0
  /// Bytes that were looked at and not yet read.
  private var pushedBack: [UInt8] = []

  package init(_ path: String, files: FileLayer = .system) throws {
    self.path = path
    self.files = files
    descriptor = files.open(path, O_RDONLY)
    if descriptor < 0 { throw systemError(path, "open") }
    var status = stat()
    if fstat(descriptor, &status) != 0 || status.st_mode & S_IFMT != S_IFREG {
      let error: CheckpointError =
        status.st_mode & S_IFMT == S_IFDIR
        ? .file(path: path, operation: "read", reason: "it is a directory; name the file in it")
        : systemError(path, "read")
      _ = files.close(descriptor)
      throw error
    }
    size = Int(status.st_size)
  }

  deinit { _ = files.close(descriptor) }

  package var remaining: Int? { size - position }

  package func read(into bytes: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = min(pushedBack.count, bytes.count)
    if done > 0 {
      bytes.copyBytes(from: pushedBack[..<done])
      pushedBack.removeFirst(done)
    }
    while done < bytes.count {
      let count = files.read(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw systemError(path, "read")
      }
      if count == 0 { break }
      done += count
    }
    position += done
    return done
  }

  /// The next bytes without reading past them; at most `count`, fewer at the end.
  package func peek(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try read(into: $0) }
    position -= got
    pushedBack = Array(bytes[..<got]) + pushedBack
    return pushedBack
  }

  /// Size and SHA-256 of a whole file.
  package static func sha256(of path: String, files: FileLayer = .system) throws -> (bytes: Int, hex: String) {
    let source = try FileSource(path, files: files)
    let digest = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var bytes = 0
    while true {
      let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
      if count == 0 { return (bytes, digest.hex()) }
      buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      bytes += count
    }
  }
}
