// A copy of one state tensor of all ranks as it was between two iterations, for a checkpoint that is written while
// training continues. Each rank copies its part; rank 0 receives the other parts in short pieces, in the order in which
// the file is written. So rank 0 needs memory for one piece beyond its own part, whatever the size of the model.
import Cluster
import Compute

/// One rank's copy of a state tensor, and the transfer of all copies to rank 0. Made once for each phase.
///
/// An optimizer with several states has a snapshot for each. All ranks `take` them in the same order, and rank 0 reads
/// them in that order.
///
/// `@unchecked Sendable`: the rank's own thread calls `take`; between two of its calls, the writer calls `read` and
/// `drain`.
package final class OptimizerStateSnapshot: @unchecked Sendable {
  private let state: OptimizerState
  private let communicator: Communicator
  private let copy: AlignedMemory
  /// In the order of reading, equal on all ranks.
  private let pieces: [OptimizerStatePiece]
  /// The next piece of the last copy that rank 0 reads.
  private var next: Int
  /// Memory for one piece (rank 0 only).
  private let buffer: AlignedMemory
  /// The pending send of the last copy (non-root ranks only).
  private var sending: PendingTransfer?

  /// The name of the state.
  package var name: String { state.name }

  /// - Parameter owned: The ranges that each rank updates, in rank order; of shared ranges, the first rank's are sent.
  package init(_ state: OptimizerState, owned: [[Range<Int>]], _ communicator: Communicator) {
    self.state = state
    self.communicator = communicator
    copy = AlignedMemory(floats: state.memory.count, for: .snapshot)
    let table = state.table
    // By name, as tensors are ordered in a file.
    let order = table.parameters.indices.sorted {
      table.parameters[$0].name.utf8.lexicographicallyPrecedes(table.parameters[$1].name.utf8)
    }
    pieces = OptimizerStatePiece.cut(
      table, order: order, parts: OptimizerStatePiece.parts(of: owned), floats: OptimizerStatePiece.usualFloats)
    next = pieces.count
    buffer = AlignedMemory(floats: communicator.rank == 0 ? pieces.map(\.range.count).max() ?? 0 : 0, for: .snapshot)
  }

  /// Pre-faults the memory of the copy, so that the first copy is as fast as the others.
  package func touch() { state.copy(to: copy.pointer) }

  /// Copies this rank's state as it is now, and sends it to rank 0. Collective. On rank 0 the copy before must have
  /// been read or drained.
  package func take() throws {
    if let sending { try communicator.wait(sending) }
    precondition(next == pieces.count, "the \(name) of the checkpoint before is still being read")
    state.copy(to: copy.pointer)
    next = 0
    let rank = communicator.rank
    guard rank != 0 else { return }
    next = pieces.count
    sending = communicator.start(
      pieces.flatMap { piece in
        piece.segments.filter { $0.rank == rank }.map {
          .send(UnsafePointer(place(of: $0.range)), count: $0.range.count, to: 0)
        }
      }, .optimizerState)
  }

  /// Waits until rank 0 has received the last copy. Returns at once on rank 0.
  package func finish() throws {
    if let sending { try communicator.wait(sending) }
    sending = nil
  }

  /// Passes the values of a parameter to `body`, piece by piece. Parameters are read in the order of their names. Rank
  /// 0 only.
  package func read(_ parameter: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
    while next < pieces.count, pieces[next].parameter == parameter {
      try receive()
      try body(UnsafeBufferPointer(start: buffer.pointer, count: pieces[next - 1].range.count))
    }
  }

  /// Receives the pieces that were not read, so that the sends of other ranks complete after a failed write. Rank 0
  /// only.
  package func drain() throws {
    while next < pieces.count { try receive() }
  }

  private func receive() throws {
    let piece = pieces[next]
    next += 1
    var transfers: [Transfer] = []
    for segment in piece.segments {
      let target = buffer.pointer + (segment.range.lowerBound - piece.range.lowerBound)
      if segment.rank == 0 {
        target.update(from: place(of: segment.range), count: segment.range.count)
      } else {
        transfers.append(.receive(target, count: segment.range.count, from: segment.rank))
      }
    }
    if !transfers.isEmpty { try communicator.exchangeInBackground(transfers, .optimizerState) }
  }

  /// Returns the place of a range of the flat vector in the copy.
  private func place(of range: Range<Int>) -> UnsafeMutablePointer<Float> {
    copy.pointer + (state.base(of: range) + range.lowerBound - state.memory.pointer)
  }
}
