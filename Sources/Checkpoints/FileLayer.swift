// The system calls that write and read checkpoints, in one place, so that tests can make each of them fail.
import Foundation
import Support

/// Calls with libc's conventions: a negative result (nil for `names`) is a failure, and `errno` holds the reason.
package struct FileLayer: Sendable {
  package var open: @Sendable (_ path: String, _ flags: Int32) -> Int32
  package var read: @Sendable (_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int
  package var write: @Sendable (_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int
  package var fsync: @Sendable (_ descriptor: Int32) -> Int32
  package var close: @Sendable (_ descriptor: Int32) -> Int32
  package var mkdir: @Sendable (_ path: String) -> Int32
  package var rename: @Sendable (_ path: String, _ newPath: String) -> Int32
  package var unlink: @Sendable (_ path: String) -> Int32
  package var rmdir: @Sendable (_ path: String) -> Int32
  package var symlink: @Sendable (_ target: String, _ path: String) -> Int32
  /// Lists the names in a directory without `.` and `..`.
  package var names: @Sendable (_ path: String) -> [String]?

  /// The calls of libc.
  package static let system = FileLayer(
    open: { Foundation.open($0, $1 | O_CLOEXEC, 0o644) }, read: { Foundation.read($0, $1, $2) },
    write: { Foundation.write($0, $1, $2) }, fsync: { Foundation.fsync($0) }, close: { Foundation.close($0) },
    mkdir: { Foundation.mkdir($0, 0o755) }, rename: { Foundation.rename($0, $1) }, unlink: { Foundation.unlink($0) },
    rmdir: { Foundation.rmdir($0) }, symlink: { Foundation.symlink($0, $1) }, names: { listDirectory($0) })
}

private func listDirectory(_ path: String) -> [String]? {
  guard let stream = opendir(path) else { return nil }
  defer { closedir(stream) }
  var names: [String] = []
  errno = 0
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != "." && name != ".." { names.append(name) }
    errno = 0
  }
  return errno == 0 ? names : nil
}

extension FileLayer {
  /// Makes the creations, renames and removals in a directory durable.
  package func syncDirectory(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY)
    if descriptor < 0 { throw systemError(path, "open") }
    let failure = fsync(descriptor) == 0 ? 0 : errno
    _ = close(descriptor)
    if failure != 0 && !AtomicFile.isUnsupported(directorySync: failure) {
      throw systemError(path, "write to disk (fsync)", failure)
    }
  }

  /// Removes a file or a directory with its files. A path that does not exist is no error.
  func removeTree(_ path: String) throws {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw systemError(path, "remove") }
    guard let inside = names(path) else { throw systemError(path, "list") }
    for name in inside { try removeTree("\(path)/\(name)") }
    if rmdir(path) != 0 && errno != ENOENT { throw systemError(path, "remove") }
  }
}
