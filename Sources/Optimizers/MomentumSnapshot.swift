// The velocity of all ranks as it was between two iterations, for a checkpoint that is written while training goes on. Each rank
// copies what it holds; rank 0 gets the others' in short pieces, in the order in which its writer wants them. So rank 0 needs
// memory for one piece beyond its own, whatever the size of the model.
import Cluster
import Compute

/// One rank's copy of its velocity, and the way of all copies to rank 0. Made once a phase.
///
/// `@unchecked Sendable`: `take` is the rank's own thread's; between two calls of it `read` and `drain` are the writer's.
package final class MomentumSnapshot: @unchecked Sendable {
  private let optimizer: MomentumSGD
  private let communicator: Communicator
  private let copy: AlignedMemory
  /// In the order of the reading; on all ranks the same.
  private let pieces: [MomentumPiece]
  /// Rank 0's: the next piece to be read of those that were taken.
  private var next: Int
  /// Rank 0's memory for one piece.
  private let buffer: AlignedMemory
  /// Other ranks': what they send of the last copy.
  private var sending: PendingTransfer?

  /// - Parameters:
  ///   - owned: what each rank updates, in rank order; of what several hold, the first gives.
  ///   - pieceFloats: bounds rank 0's memory.
  package init(_ optimizer: MomentumSGD, owned: [[Range<Int>]], _ communicator: Communicator, pieceFloats: Int? = nil) {
    self.optimizer = optimizer
    self.communicator = communicator
    copy = AlignedMemory(floats: optimizer.velocity.count, for: .snapshot)
    let table = optimizer.table
    // By name: so the tensors of a file lie.
    let order = table.parameters.indices.sorted {
      table.parameters[$0].name.utf8.lexicographicallyPrecedes(table.parameters[$1].name.utf8)
    }
    pieces = MomentumPiece.cut(
      table, order: order, parts: MomentumSGD.parts(of: owned), floats: pieceFloats ?? MomentumPiece.usualFloats)
    next = pieces.count
    buffer = AlignedMemory(floats: communicator.rank == 0 ? pieces.map(\.range.count).max() ?? 0 : 0, for: .snapshot)
  }

  /// Has the system provide the memory, so that the first copy is as quick as the others.
  package func touch() { optimizer.copyMomentum(to: copy.pointer) }

  /// Copies this rank's velocity as it is now, and sends it on its way. Collective. On rank 0 the copy before must have been
  /// read or drained.
  package func take() throws {
    if let sending { try communicator.wait(sending) }
    precondition(next == pieces.count, "the velocity of the checkpoint before is still being read")
    optimizer.copyMomentum(to: copy.pointer)
    next = 0
    let rank = communicator.rank
    guard rank != 0 else { return }
    next = pieces.count
    sending = communicator.start(
      pieces.flatMap { piece in
        piece.segments.filter { $0.rank == rank }.map {
          .send(UnsafePointer(place(of: $0.range)), count: $0.range.count, to: 0)
        }
      }, .velocity)
  }

  /// Other ranks wait until rank 0 has all of the last copy.
  package func finish() throws {
    if let sending { try communicator.wait(sending) }
    sending = nil
  }

  /// Rank 0's writer: the values of a parameter, piece by piece. Parameters come in the order of their names.
  package func read(_ parameter: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
    while next < pieces.count, pieces[next].parameter == parameter {
      try receive()
      try body(UnsafeBufferPointer(start: buffer.pointer, count: pieces[next - 1].range.count))
    }
  }

  /// Receives what was not read, for the others wait to be rid of it: after a failed write.
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
    if !transfers.isEmpty { try communicator.exchangeBeside(transfers, .velocity) }
  }

  /// Where a range of the flat vector lies in the copy.
  private func place(of range: Range<Int>) -> UnsafeMutablePointer<Float> {
    copy.pointer + (optimizer.momentumBase(of: range) + range.lowerBound - optimizer.velocity.pointer)
  }
}
