// What can be wrong with weights on disk: each error names the file, what was seen, and the next step.

package enum CheckpointError: Error, CustomStringConvertible, Equatable {
  /// The operating system refused: `reason` is its own text.
  case file(path: String, operation: String, reason: String)
  /// The bytes are not what their format promises.
  case damaged(path: String, String)
  /// A tensor inside a readable file cannot be used.
  case tensor(path: String, name: String, String)
  /// Weights and network do not fit together.
  case anotherNetwork(path: String, String)
  case digest(String)
  /// A checkpoint in the background failed; reported at the next call.
  case background(String)

  package var description: String {
    switch self {
    case .file(let path, let operation, let reason): return "cannot \(operation) \(path): \(reason)"
    case .damaged(let path, let text): return "\(path) is damaged: \(text)"
    case .tensor(let path, let name, let text): return "\(path): tensor \(name): \(text)"
    case .anotherNetwork(let path, let text): return "\(path) is a checkpoint of another network: \(text)"
    case .digest(let text): return "SHA-256 failed: \(text)"
    case .background(let text): return "the last checkpoint was not written: \(text)"
    }
  }
}
