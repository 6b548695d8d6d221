// Whole files as bytes, and the creation of folders. `AtomicFile` writes files that must never be seen half-written.
import Foundation

package enum FileBytes {
  /// Returns the contents of a regular file.
  package static func read(_ path: String) throws(FileError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .reading(path) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw .reading(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(file: path, reason: "not a file") }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      count = 0
      while count < buffer.count {
        let got = Foundation.read(file, buffer.baseAddress! + count, buffer.count - count)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        count += got
      }
    }
    guard failure == 0 else { throw .reading(path, errno: failure) }
    return bytes
  }

  /// Creates a folder and its missing parents.
  package static func makeFolder(_ path: String) throws(FileError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part + "/"
      guard mkdir(made, 0o777) == 0 || errno == EEXIST else { throw .writing(path) }
    }
    // mkdir also fails with EEXIST where a file has this name.
    guard access(made + ".", F_OK) == 0 else { throw .writing(path) }
  }

  /// Writes or replaces the file in place. An interruption leaves part of it.
  package static func write(_ bytes: some Collection<UInt8>, to path: String) throws(FileError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw .writing(path) }
    var failure: Int32 = 0
    let contents = Array(bytes)
    contents.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count && failure == 0 {
        let put = Foundation.write(file, buffer.baseAddress! + done, buffer.count - done)
        if put < 0 && errno == EINTR { continue }
        if put < 0 { failure = errno } else { done += put }
      }
    }
    // Some file systems report a full disk only here.
    if close(file) != 0 && failure == 0 { failure = errno }
    guard failure == 0 else { throw .writing(path, errno: failure) }
  }
}
