// The accounting of aligned memory by use. It counts every request, so a memory plan is complete.
import Synchronization

/// The uses of `AlignedMemory`, in the order in which a plan lists them.
package enum MemoryUse: Int, Sendable, CaseIterable {
  case weights
  case momentum
  /// Weights transformed or packed for the kernels.
  case preparedWeights
  /// Activations, their gradients, scratch memory, batches.
  case activations
  /// Sums of stored gradients, and parts of the vector in flight between ranks.
  case gradients
  /// The factors of dense layers' gradients, for every shard.
  case factors
  /// Copies of weights and momentum buffers, from which a checkpoint is written.
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

  /// The bytes currently requested, by use. The system provides a page when it is first written.
  package static var current: [MemoryUse: Int] {
    let bytes = bytes.withLock { $0 }
    return Dictionary(uniqueKeysWithValues: allCases.map { ($0, bytes[$0.rawValue]) })
  }
}
