// Bytes into and out of files in one pass, with every failure of the operating system turned into an error.
import Digests
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
  private let digest = SHA256()

  /// Creates the file, or empties one that is there.
  package init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw systemError(path, "create") }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  package func write(_ data: UnsafeRawBufferPointer) throws {
    digest.update(data)
    var done = 0
    while done < data.count {
      let written = Foundation.write(descriptor, data.baseAddress! + done, min(data.count - done, 1 << 30))
      if written < 0 {
        if errno == EINTR { continue }
        throw systemError(path, "write")
      }
      done += written
    }
    bytes += data.count
  }

  package func finish() throws {
    if fsync(descriptor) != 0 { throw systemError(path, "write to disk (fsync)") }
    let status = close(descriptor)
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
  private var position = 0
  /// Bytes that were looked at and not yet read.
  private var pushedBack: [UInt8] = []

  package init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw systemError(path, "open") }
    var status = stat()
    if fstat(descriptor, &status) != 0 || status.st_mode & S_IFMT != S_IFREG {
      let error: CheckpointError =
        status.st_mode & S_IFMT == S_IFDIR
        ? .file(path: path, operation: "read", reason: "it is a directory; name the file in it") : systemError(path, "read")
      close(descriptor)
      throw error
    }
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  package var remaining: Int? { size - position }

  package func read(into bytes: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = min(pushedBack.count, bytes.count)
    if done > 0 {
      bytes.copyBytes(from: pushedBack[..<done])
      pushedBack.removeFirst(done)
    }
    while done < bytes.count {
      let count = Foundation.read(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
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
  package static func sha256(of path: String) throws -> (bytes: Int, hex: String) {
    let source = try FileSource(path)
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

/// Makes names in a directory durable: what was created, renamed or removed in it.
package func syncDirectory(_ path: String) throws {
  let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  if descriptor < 0 { throw systemError(path, "open") }
  defer { close(descriptor) }
  // Some network file systems refuse fsync on directories and need none.
  if fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP { throw systemError(path, "write to disk (fsync)") }
}
