// The error of reading or writing a file as such, whatever the file holds.
import Foundation

package enum FileError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String, reason: String)
  case unwritable(file: String, reason: String)

  /// The system's reason, for errors whose own text names the file.
  package var reason: String {
    switch self {
    case .unreadable(_, let reason), .unwritable(_, let reason): reason
    }
  }

  package var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "cannot read \(file): \(reason); check the path and its permissions"
    case .unwritable(let file, let reason):
      "cannot write \(file): \(reason); check the folder, its permissions and the space left"
    }
  }

  /// The error of a system call that failed while it read the file.
  package static func reading(_ file: String, errno number: Int32 = errno) -> FileError {
    .unreadable(file: file, reason: String(cString: strerror(number)))
  }

  /// The error of a system call that failed while it wrote the file.
  package static func writing(_ file: String, errno number: Int32 = errno) -> FileError {
    .unwritable(file: file, reason: String(cString: strerror(number)))
  }
}
