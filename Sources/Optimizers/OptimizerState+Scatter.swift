// The scatter of a state tensor from rank 0 to all ranks when a run resumes, with any number of ranks.
import Cluster
import Compute

extension OptimizerState {
  /// Sets the state of all ranks from values that rank 0 reads piece by piece, the next piece while the last one is in
  /// flight. Throws on all ranks if reading fails; the state is undefined then. Collective.
  ///
  /// - Parameters:
  ///   - owned: The ranges that each rank updates, in rank order; ranks that share ranges get equal values.
  ///   - order: The parameters in the order in which they are read.
  ///   - pieceFloats: The length of a piece.
  ///   - read: Fills its argument with the next values; called on rank 0 only.
  package func scatter(
    owned: [[Range<Int>]], order: [Int], _ communicator: Communicator,
    pieceFloats: Int = OptimizerStatePiece.usualFloats, read: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    let pieces = OptimizerStatePiece.cut(table, order: order, parts: owned, floats: pieceFloats)
    func place(_ range: Range<Int>) -> UnsafeMutablePointer<Float> { base(of: range) + range.lowerBound }
    guard communicator.rank == 0 else {
      let own = pieces.flatMap(\.segments).filter { $0.rank == communicator.rank }
      try communicator.exchange(own.map { .receive(place($0.range), count: $0.range.count, from: 0) }, .optimizerState)
      try communicator.rethrowOnAllRanks {}
      return
    }
    let largest = pieces.map(\.range.count).max() ?? 0
    let buffers = (0..<2).map { _ in AlignedMemory(floats: largest, for: .snapshot) }
    var pending: [PendingTransfer?] = [nil, nil]
    var failure: (any Error)?
    for (number, piece) in pieces.enumerated() {
      let buffer = buffers[number % 2]
      if let transfer = pending[number % 2] { try communicator.wait(transfer) }
      // After a failure the other ranks still receive what they wait for; the failure is reported to them afterwards.
      if failure == nil {
        do { try read(UnsafeMutableBufferPointer(start: buffer.pointer, count: piece.range.count)) } catch {
          failure = error
        }
      }
      var sends: [Transfer] = []
      for segment in piece.segments {
        let values = buffer.pointer + (segment.range.lowerBound - piece.range.lowerBound)
        if segment.rank == 0 {
          place(segment.range).update(from: values, count: segment.range.count)
        } else {
          sends.append(.send(values, count: segment.range.count, to: segment.rank))
        }
      }
      pending[number % 2] = sends.isEmpty ? nil : communicator.start(sends, .optimizerState)
    }
    for case let transfer? in pending { try communicator.wait(transfer) }
    withExtendedLifetime(buffers) {}
    try communicator.rethrowOnAllRanks { if let failure { throw failure } }
  }
}
