// The errors of weights on disk. Each names the file, what was seen, and the next step.

package enum CheckpointError: Error, CustomStringConvertible, Equatable {
  /// The operating system refused; `reason` is its own text.
  case file(path: String, operation: String, reason: String)
  /// The bytes do not follow their format.
  case damaged(path: String, String)
  /// A tensor inside a readable file cannot be used.
  case tensor(path: String, name: String, String)
  /// The weights do not fit the network.
  case anotherNetwork(path: String, String)
  /// A later version of dnet wrote the checkpoint.
  case newerFormat(path: String, format: Int, reads: ClosedRange<Int>, writer: String)
  /// A checkpoint was not written; earlier ones are unchanged. `bytes` is the most that it takes.
  case notWritten(checkpoint: String, directory: String, bytes: Int, free: Int?, reason: String)
  /// Writing a checkpoint in the background failed; reported by the next call.
  case background(String)

  package var description: String {
    switch self {
    case .file(let path, let operation, let reason): return "cannot \(operation) \(path): \(reason)"
    case .damaged(let path, let text): return "\(path) is damaged: \(text)"
    case .tensor(let path, let name, let text): return "\(path): tensor \(name): \(text)"
    case .anotherNetwork(let path, let text): return "\(path) is a checkpoint of another network: \(text)"
    case .newerFormat(let path, let format, let reads, let writer):
      return "\(path) has format \(format), written by dnet \(writer); this dnet reads formats \(reads.lowerBound) to "
        + "\(reads.upperBound): use that dnet, or name an older checkpoint with --resume DIR"
    case .notWritten(let checkpoint, let directory, let bytes, let free, let reason):
      return "checkpoint \(checkpoint) was not written to \(directory): \(reason). It needs up to \(bytes) bytes there"
        + (free.map { ", \($0) are free" } ?? "") + "; earlier checkpoints are intact"
    case .background(let text): return "the last checkpoint was not written: \(text)"
    }
  }
}
