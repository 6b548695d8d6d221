// The errors between ranks, each with the value seen and the next step.

/// An error of the cluster layer. After `mpi` or `shortMessage` the ranks no longer agree on what is in flight:
/// the only safe reaction is `Communicator.abort`.
package enum ClusterError: Error, CustomStringConvertible, Equatable {
  /// An MPI call failed; `text` is MPI's own explanation.
  case mpi(call: String, text: String)
  /// A message was shorter than its receiver expected: the ranks disagree about sizes.
  case shortMessage(from: Int, expected: Int, received: Int)
  /// A body run by `rethrowOnAllRanks` failed on this rank; all ranks throw the same error.
  case failedOnRank(Int, String)
  case moreRanksThanShards(ranks: Int, shards: Int)
  /// MPI offers less thread support than dnet needs.
  case threadSupport(wanted: Int, provided: Int)

  package var description: String {
    switch self {
    case .mpi(let call, let text):
      return "\(call) failed: \(text). See the messages of the other ranks above: the first one names the cause"
    case .shortMessage(let rank, let expected, let received):
      return
        "rank \(rank) sent \(received) bytes where \(expected) were expected: "
        + "check that all ranks run the same dnet with the same configuration"
    case .failedOnRank(let rank, let text):
      return "rank \(rank): \(text)"
    case .moreRanksThanShards(let ranks, let shards):
      return
        "\(ranks) ranks for \(shards) shards: some ranks would have no work. "
        + "Start at most \(shards) ranks (mpirun -n \(shards)), or raise minibatch.shards and lower minibatch.shardSize"
    case .threadSupport(let wanted, let provided):
      return "MPI offers thread level \(provided), \(wanted) is needed: use an Open MPI built with thread support"
    }
  }
}

extension ClusterError {
  /// True if all ranks throw this error together, so that all can end in an orderly way.
  package var isShared: Bool {
    switch self {
    case .failedOnRank, .moreRanksThanShards: true
    case .mpi, .shortMessage, .threadSupport: false
    }
  }

  /// The text for a message that one rank prints for all.
  package var sharedText: String {
    if case .failedOnRank(0, let text) = self { return text }
    return description
  }
}
