// Whole files as bytes, and folders, with the system's reason where that fails.
import Foundation

package enum FileBytes {
  /// The file's contents.
  package static func read(_ path: String) throws(ImageError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
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
    guard failure == 0 else { throw .unreadable(file: path, reason: String(cString: strerror(failure))) }
    return bytes
  }

  /// Makes a folder and those above it, where they are missing.
  package static func makeFolder(_ path: String) throws(ImageError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part + "/"
      guard mkdir(made, 0o777) == 0 || errno == EEXIST else {
        throw .unwritable(file: path, reason: String(cString: strerror(errno)))
      }
    }
    // What is there already may be a file.
    guard access(made + ".", F_OK) == 0 else { throw .unwritable(file: path, reason: String(cString: strerror(errno))) }
  }

  /// Writes or replaces the file.
  package static func write(_ bytes: some Collection<UInt8>, to path: String) throws(ImageError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw .unwritable(file: path, reason: String(cString: strerror(errno))) }
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
    guard failure == 0 else { throw .unwritable(file: path, reason: String(cString: strerror(failure))) }
  }

  /// Writes the file under a temporary name beside it and renames it: under its own name it is whole or, where writing
  /// fails, as it was before.
  package static func replace(_ path: String, with bytes: some Collection<UInt8>) throws(ImageError) {
    let temporary = "\(path).\(getpid()).partial"
    do { try write(bytes, to: temporary) } catch {
      unlink(temporary)
      guard case .unwritable(_, let reason) = error else { throw error }
      throw .unwritable(file: path, reason: reason)
    }
    guard rename(temporary, path) == 0 else {
      let reason = String(cString: strerror(errno))
      unlink(temporary)
      throw .unwritable(file: path, reason: reason)
    }
  }
}
