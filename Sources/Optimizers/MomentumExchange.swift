// The velocity of all ranks: gathered on rank 0 in one vector, and dealt out piece by piece when a run resumes, with however
// many ranks. `MomentumSnapshot` gathers it piece by piece too, for a checkpoint.
import Cluster
import Compute

extension MomentumSGD {
  /// Copies the velocity of all ranks into `vector` on rank 0; other ranks pass nil. Collective.
  ///
  /// - Parameters:
  ///   - owned: what each rank updates, in rank order; ranks may share ranges, and then have the same velocity.
  ///   - vector: as long as the table's flat vector; gaps between parameters get zeros.
  package func gatherVelocity(
    into vector: UnsafeMutablePointer<Float>?, owned: [[Range<Int>]], _ communicator: Communicator
  ) throws {
    let parts = Self.parts(of: owned)
    if communicator.rank == 0 {
      guard let vector else { preconditionFailure("rank 0 needs memory for the velocity") }
      for part in parts[0] {
        (vector + part.lowerBound).update(from: momentumBase(of: part) + part.lowerBound, count: part.count)
      }
      try communicator.exchange(
        (1..<max(communicator.size, 1)).flatMap { rank in
          parts[rank].map { .receive(vector + $0.lowerBound, count: $0.count, from: rank) }
        })
    } else {
      try communicator.exchange(
        parts[communicator.rank].map { .send(momentumBase(of: $0) + $0.lowerBound, count: $0.count, to: 0) })
    }
  }

  /// Sets the velocity of all ranks from values that rank 0 reads, piece by piece: while one piece is on its way the next is
  /// read. Throws alike on all ranks where reading fails; the velocity is spoilt then. Collective.
  ///
  /// - Parameters:
  ///   - owned: what each rank updates, in rank order; ranks may share ranges, and then get the same velocity.
  ///   - order: the parameters in the order in which they are read.
  ///   - read: fills its argument with the next values; other ranks than 0 do not call it.
  package func scatterMomentum(
    owned: [[Range<Int>]], order: [Int], _ communicator: Communicator, pieceFloats: Int? = nil,
    read: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    let pieces = MomentumPiece.cut(table, order: order, parts: owned, floats: pieceFloats ?? MomentumPiece.usualFloats)
    func place(_ range: Range<Int>) -> UnsafeMutablePointer<Float> { momentumBase(of: range) + range.lowerBound }
    guard communicator.rank == 0 else {
      let own = pieces.flatMap(\.segments).filter { $0.rank == communicator.rank }
      try communicator.exchange(own.map { .receive(place($0.range), count: $0.range.count, from: 0) }, .velocity)
      try communicator.rethrowOnAllRanks {}
      return
    }
    let largest = pieces.map(\.range.count).max() ?? 0
    let buffers = (0..<2).map { _ in AlignedMemory(floats: largest, for: .snapshot) }
    var underWay: [PendingTransfer?] = [nil, nil]
    var failure: (any Error)?
    for (number, piece) in pieces.enumerated() {
      let buffer = buffers[number % 2]
      if let flight = underWay[number % 2] { try communicator.wait(flight) }
      // After a failure the others still get what they wait for, and then hear of it.
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
      underWay[number % 2] = sends.isEmpty ? nil : communicator.start(sends, .velocity)
    }
    for case let flight? in underWay { try communicator.wait(flight) }
    withExtendedLifetime(buffers) {}
    try communicator.rethrowOnAllRanks { if let failure { throw failure } }
  }

  /// Forgets the velocity: a new phase.
  package func resetVelocity() { velocity.zero() }

  /// What each rank gives so that every float comes once, from the first rank that has it.
  static func parts(of owned: [[Range<Int>]]) -> [[Range<Int>]] {
    var given: [Range<Int>] = []
    return owned.map { ranges in
      let parts = ranges.flatMap { range in
        given.filter { $0.overlaps(range) }.reduce([range]) { left, taken in
          left.flatMap { piece -> [Range<Int>] in
            let cut = taken.clamped(to: piece)
            if cut.isEmpty { return [piece] }
            return [piece.lowerBound..<cut.lowerBound, cut.upperBound..<piece.upperBound].filter { !$0.isEmpty }
          }
        }
      }
      given += parts
      return parts
    }
  }
}
