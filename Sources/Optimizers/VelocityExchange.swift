// The velocity of all ranks in one vector: gathered on rank 0 for a checkpoint, dealt out when a run resumes, with
// however many ranks. It travels in short pieces, from and to its place in the vector, without copies in between.
import Cluster
import Tensors

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
      for part in parts[0] { (vector + part.lowerBound).update(from: velocityBase(of: part) + part.lowerBound, count: part.count) }
      try communicator.exchange(
        (1..<max(communicator.size, 1)).flatMap { rank in
          parts[rank].map { .receive(vector + $0.lowerBound, count: $0.count, from: rank) }
        })
    } else {
      try communicator.exchange(
        parts[communicator.rank].map { .send(velocityBase(of: $0) + $0.lowerBound, count: $0.count, to: 0) })
    }
  }

  /// Sets the velocity of all ranks from `vector` on rank 0; other ranks pass nil. Collective.
  package func scatterVelocity(
    from vector: UnsafePointer<Float>?, owned: [[Range<Int>]], _ communicator: Communicator
  ) throws {
    if communicator.rank == 0 {
      guard let vector else { preconditionFailure("rank 0 has the velocity") }
      for range in ranges { (velocityBase(of: range) + range.lowerBound).update(from: vector + range.lowerBound, count: range.count) }
      try communicator.exchange(
        (1..<max(communicator.size, 1)).flatMap { rank in
          owned[rank].map { .send(vector + $0.lowerBound, count: $0.count, to: rank) }
        })
    } else {
      try communicator.exchange(ranges.map { .receive(velocityBase(of: $0) + $0.lowerBound, count: $0.count, from: 0) })
    }
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
