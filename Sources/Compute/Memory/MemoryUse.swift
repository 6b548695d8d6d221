// What the memory of a process is for: counted where it is asked for, so that a plan of it cannot forget anything.
import Synchronization

/// The purposes of `AlignedMemory`, in the order in which a plan lists them.
package enum MemoryUse: Int, Sendable, CaseIterable {
  case weights
  case momentum
  /// Weights in the form of the kernels.
  case preparedWeights
  /// Activations, their gradients, working memory, batches.
  case activations
  /// Sums of stored gradients, and parts of the vector on their way between ranks.
  case gradients
  /// What dense layers leave of every shard.
  case factors
  /// Copies of weights and momentum from which a checkpoint is written.
  case snapshot

  package var name: String {
    switch self {
    case .weights: "weights"
    case .momentum: "momentum"
    case .preparedWeights: "prepared weights"
    case .activations: "activations"
    case .gradients: "gradients"
    case .factors: "factors"
    case .snapshot: "checkpoint snapshot"
    }
  }

  private static let bytes = Mutex(Array(repeating: 0, count: allCases.count))

  static func add(_ count: Int, to use: MemoryUse) { bytes.withLock { $0[use.rawValue] += count } }

  /// Bytes that are asked for at this moment, by use. The system provides a page when it is first written.
  package static var current: [MemoryUse: Int] {
    let bytes = bytes.withLock { $0 }
    return Dictionary(uniqueKeysWithValues: allCases.map { ($0, bytes[$0.rawValue]) })
  }
}
