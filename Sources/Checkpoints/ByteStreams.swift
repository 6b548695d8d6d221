// Sequential writing and reading of files. Every failure of the operating system becomes an error.
import Foundation
import Support

/// A destination of bytes. Callers must call `finish`; without it a file may be incomplete.
package protocol ByteSink: AnyObject {
  var path: String { get }
  func write(_ bytes: UnsafeRawBufferPointer) throws
  func finish() throws
}

/// A source of bytes.
package protocol ByteSource: AnyObject {
  var path: String { get }
  /// The number of bytes that are still to come; nil where it is unknown.
  var remaining: Int? { get }
  /// Fills `bytes` and returns the number of bytes read, which is smaller only at the end of the source.
  func read(into bytes: UnsafeMutableRawBufferPointer) throws -> Int
}

func systemError(_ path: String, _ operation: String, _ code: Int32 = errno) -> CheckpointError {
  .file(path: path, operation: operation, reason: String(cString: strerror(code)))
}

/// A new file. It counts and digests the bytes written; `finish` makes them durable (fsync).
package final class FileSink: ByteSink {
  package let path: String
  package private(set) var bytes = 0
  private var descriptor: Int32
  private let files: FileLayer
  private let digest = SHA256()

  /// Creates the file, or empties an existing one.
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
      // Zero bytes without an error: no file system should do this, and trying again could go on for ever.
      if written == 0 { throw systemError(path, "write", EIO) }
      done += written
    }
    bytes += data.count
  }

  package func finish() throws {
    if files.fsync(descriptor) != 0 { throw systemError(path, "write to disk (fsync)") }
    // Reading the file back afterwards should read the disk, not the page cache: POSIX_FADV_DONTNEED is 4.
    posix_fadvise(descriptor, 0, 0, 4)
    let status = files.close(descriptor)
    descriptor = -1
    if status != 0 { throw systemError(path, "close") }
  }

  /// Returns the SHA-256 of the file; may be called once, after `finish`.
  package func sha256() -> String { digest.hex() }
}

/// A file that is read from its start.
package final class FileSource: ByteSource {
  package let path: String
  /// The size of the file when it was opened.
  package let size: Int
  private let descriptor: Int32
  private let files: FileLayer
  private var position = 0
  /// Bytes returned by `peek` that were not read yet.
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
        ? .file(path: path, operation: "read", reason: "it is a directory; name a file in it")
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

  /// Returns the next `count` bytes, fewer at the end, without consuming them.
  package func peek(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try read(into: $0) }
    position -= got
    pushedBack = Array(bytes[..<got]) + pushedBack
    return pushedBack
  }

  /// Returns the size and the SHA-256 of a whole file.
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
