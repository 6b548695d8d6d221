// A file that appears under its name only when it is complete: it is written beside that name, flushed to disk and
// renamed. A reader, and a program that starts after a crash, finds either the old contents or the new ones.
import Foundation

package final class AtomicFile {
  package let path: String
  /// The number of bytes written so far.
  package private(set) var count = 0
  private let partial: String
  private var descriptor: Int32
  private var published = false

  /// Writes or replaces a whole file. The umask determines its permissions.
  package static func write(_ bytes: some Collection<UInt8>, to path: String) throws(FileError) {
    let file = try AtomicFile(path)
    try file.append(Array(bytes))
    try file.publish()
  }

  /// Writes or replaces a whole file with the text in UTF-8.
  package static func write(_ text: String, to path: String) throws(FileError) { try write(text.utf8, to: path) }

  /// Begins the file. An existing one stays until `publish`.
  package init(_ path: String) throws(FileError) {
    self.path = path
    // The process's own name, so that two programs that write the same file do not write into each other's.
    partial = "\(path).partial-\(getpid())"
    descriptor = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .writing(path) }
  }

  /// Removes a file that was not published.
  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !published { unlink(partial) }
  }

  package func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    try put(bytes, at: count)
    count += bytes.count
  }

  package func append(_ bytes: [UInt8]) throws(FileError) {
    try put(bytes, at: count)
    count += bytes.count
  }

  /// Replaces bytes that were written before.
  package func replace(at offset: Int, by bytes: [UInt8]) throws(FileError) {
    precondition(offset >= 0 && offset + bytes.count <= count, "bytes that were not written yet")
    try put(bytes, at: offset)
  }

  /// True for the error number of an fsync that a file system does not offer for directories. Some network file systems
  /// do not, and do not need it.
  package static func isUnsupported(directorySync number: Int32) -> Bool { number == EINVAL || number == ENOTSUP }

  /// Flushes the file to disk, gives it its name, and flushes the directory.
  package func publish() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw .writing(path) }
    let status = close(descriptor)
    descriptor = -1
    guard status == 0, rename(partial, path) == 0 else { throw .writing(path) }
    published = true
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // A directory may be writable without being readable; then it cannot be opened, and the file is there already.
    if directory < 0 && errno == EACCES { return }
    guard directory >= 0 else { throw .writing(folder) }
    defer { close(directory) }
    guard fsync(directory) == 0 || Self.isUnsupported(directorySync: errno) else { throw .writing(folder) }
  }

  private func put(_ bytes: [UInt8], at offset: Int) throws(FileError) {
    let result: Result<Void, FileError> = bytes.withUnsafeBytes { bytes in
      do throws(FileError) { return .success(try put(bytes, at: offset)) } catch { return .failure(error) }
    }
    try result.get()
  }

  private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let written = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw .writing(path) }
      done += written
    }
  }
}
