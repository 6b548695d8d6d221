// A file that appears under its name only when it is whole: written beside it, flushed to disk, renamed.
import Foundation
import Images

package final class AtomicFile {
  package let path: String
  /// Bytes written so far.
  package private(set) var count = 0
  private let partial: String
  private var descriptor: Int32
  private var published = false

  /// Begins the file; what stood under the name stays until `publish`. Throws `ImageError.unwritable`.
  package init(_ path: String) throws(ImageError) {
    self.path = path
    // A name of its own, so that two programs that write the same file do not write into each other's.
    partial = "\(path).partial-\(getpid())"
    descriptor = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .unwritable(file: path, reason: String(cString: strerror(errno))) }
  }

  /// What was never published is removed.
  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !published { unlink(partial) }
  }

  package func append(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
    try put(bytes, at: count)
    count += bytes.count
  }

  package func append(_ bytes: [UInt8]) throws(ImageError) {
    var failure: ImageError?
    bytes.withUnsafeBytes { bytes in
      do throws(ImageError) { try append(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Replaces bytes that were written before.
  package func replace(at offset: Int, by bytes: [UInt8]) throws(ImageError) {
    precondition(offset >= 0 && offset + bytes.count <= count, "bytes that were not written yet")
    var failure: ImageError?
    bytes.withUnsafeBytes { bytes in
      do throws(ImageError) { try put(bytes, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Flushes the file and gives it its name.
  package func publish() throws(ImageError) {
    guard fsync(descriptor) == 0 else { throw failure() }
    let status = close(descriptor)
    descriptor = -1
    guard status == 0, rename(partial, path) == 0 else { throw failure() }
    published = true
  }

  private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(ImageError) {
    var done = 0
    while done < bytes.count {
      let written = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw failure() }
      done += written
    }
  }

  private func failure() -> ImageError { .unwritable(file: path, reason: String(cString: strerror(errno))) }
}
