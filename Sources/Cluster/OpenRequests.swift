// What the communication thread looks at: everything that is still under way, in one call of MPI.
import COpenMPI

/// The pieces of several flights that have not ended, in arrays that MPI looks at in one call.
struct OpenRequests {
  private var requests: [MPI_Request?] = []
  private var owners: [(flight: PendingTransfer, piece: Int)] = []
  /// Room for MPI's answers.
  private var indices: [Int32] = []
  private var statuses: [MPI_Status] = []

  mutating func add(_ posted: [MPI_Request?], of flight: PendingTransfer) {
    requests += posted
    owners += posted.indices.map { (flight, $0) }
    let missing = requests.count - indices.count
    guard missing > 0 else { return }
    indices += Array(repeating: 0, count: missing)
    statuses += Array(repeating: MPI_Status(), count: missing)
  }

  /// Which pieces have ended since the last look. A flight with a piece that failed has an error, and its other pieces are
  /// not looked at any more.
  mutating func test() -> [(flight: PendingTransfer, piece: Int)] {
    guard !requests.isEmpty else { return [] }
    var count: Int32 = 0
    let status = MPI_Testsome(Int32(requests.count), &requests, &count, &indices, &statuses)
    let some = status == Int32(MPI_ERR_IN_STATUS)
    if status != Int32(MPI_SUCCESS) && !some {
      // MPI itself is at its end: nobody will hear of any piece.
      do { try Communicator.check(status, "MPI_Testsome") } catch { for owner in owners { owner.flight.error = error } }
      defer { (requests, owners) = ([], []) }
      return owners
    }
    guard count > 0 else { return [] }
    let places = indices[0..<Int(count)].map(Int.init)
    for (answer, place) in places.enumerated() {
      let (flight, piece) = owners[place]
      do {
        if some { try Communicator.check(statuses[answer].MPI_ERROR, "a transfer") }
        try flight.check(piece, &statuses[answer])
      } catch { flight.error = error }
    }
    let done = places.map { owners[$0] }
    // Their handles are null now; the last ones take their places.
    for place in places.sorted(by: >) {
      requests.swapAt(place, requests.count - 1)
      owners.swapAt(place, owners.count - 1)
      requests.removeLast()
      owners.removeLast()
    }
    for flight in Set(done.compactMap { $0.flight.error == nil ? nil : ObjectIdentifier($0.flight) }) {
      for place in owners.indices.reversed() where ObjectIdentifier(owners[place].flight) == flight {
        requests.remove(at: place)
        owners.remove(at: place)
      }
    }
    return done
  }
}
