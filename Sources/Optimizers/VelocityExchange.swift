// The velocity of all ranks in one vector: gathered on rank 0 for a checkpoint, dealt out when a run resumes, with
// however many ranks. It travels in short pieces, from and to its place in the vector, without copies in between.
import Cluster
import Tensors

extension MomentumSGD {
  /// Copies the velocity of all ranks into `vector` on rank 0; other ranks pass nil. Collective.
  ///
  /// - Parameters:
  ///   - slices: those of the reduction, for all ranks in order; they may overlap.
  ///   - vector: as long as the table's flat vector; gaps between parameters get zeros.
  package func gatherVelocity(
    into vector: UnsafeMutablePointer<Float>?, slices: [Range<Int>], _ communicator: Communicator
  ) throws {
    let parts = Self.parts(of: slices)
    if communicator.rank == 0 {
      guard let vector else { preconditionFailure("rank 0 needs memory for the velocity") }
      copy(velocity.pointer + parts[0].lowerBound - slice.lowerBound, to: vector + parts[0].lowerBound, parts[0].count)
      try communicator.exchange(
        (1..<max(communicator.size, 1)).map {
          .receive(vector + parts[$0].lowerBound, count: parts[$0].count, from: $0)
        })
    } else {
      let part = parts[communicator.rank]
      try communicator.exchange(
        [.send(velocity.pointer + part.lowerBound - slice.lowerBound, count: part.count, to: 0)])
    }
  }

  /// Sets the velocity of all ranks from `vector` on rank 0; other ranks pass nil. Collective.
  package func scatterVelocity(
    from vector: UnsafePointer<Float>?, slices: [Range<Int>], _ communicator: Communicator
  ) throws {
    if communicator.rank == 0 {
      guard let vector else { preconditionFailure("rank 0 has the velocity") }
      copy(vector + slice.lowerBound, to: velocity.pointer, slice.count)
      try communicator.exchange(
        (1..<max(communicator.size, 1)).map {
          .send(vector + slices[$0].lowerBound, count: slices[$0].count, to: $0)
        })
    } else {
      try communicator.exchange([.receive(velocity.pointer, count: slice.count, from: 0)])
    }
  }

  /// Forgets the velocity: a new phase.
  package func resetVelocity() { velocity.zero() }

  /// What each rank gives so that every float comes once, from the first rank that has it.
  private static func parts(of slices: [Range<Int>]) -> [Range<Int>] {
    var end = 0
    return slices.map { slice in
      let first = min(max(slice.lowerBound, end), slice.upperBound)
      end = max(end, slice.upperBound)
      return first..<slice.upperBound
    }
  }

  private func copy(_ from: UnsafePointer<Float>, to: UnsafeMutablePointer<Float>, _ count: Int) {
    to.update(from: from, count: count)
  }
}
