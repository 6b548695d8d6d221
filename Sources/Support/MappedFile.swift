// A file mapped into memory: its bytes without a copy, read from disk as they are touched.
import Foundation

/// The bytes are valid as long as the object lives.
///
/// `@unchecked Sendable`: the mapping is read-only.
package final class MappedFile: @unchecked Sendable {
  package let path: String
  package let bytes: UnsafeRawBufferPointer

  /// Maps the whole file.
  package init(_ path: String) throws(FileError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .reading(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .reading(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(file: path, reason: "not a file") }
    let count = Int(status.st_size)
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw .reading(path)
    }
    bytes = UnsafeRawBufferPointer(start: start, count: count)
  }

  deinit { if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) } }
}
