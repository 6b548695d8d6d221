// The open MPI requests of all transfers, which the communication thread tests in one call of MPI.
import COpenMPI

/// The unfinished pieces of several transfers, in arrays as MPI_Testsome takes them.
struct OpenRequests {
  private var requests: [MPI_Request?] = []
  private var owners: [(transfer: PendingTransfer, piece: Int)] = []
  /// Memory for MPI's results.
  private var indices: [Int32] = []
  private var statuses: [MPI_Status] = []

  mutating func add(_ posted: [MPI_Request?], of transfer: PendingTransfer) {
    requests += posted
    owners += posted.indices.map { (transfer, $0) }
    let missing = requests.count - indices.count
    guard missing > 0 else { return }
    indices += Array(repeating: 0, count: missing)
    statuses += Array(repeating: MPI_Status(), count: missing)
  }

  /// Returns the pieces that have ended since the last test. A transfer with a failed piece has an error, and its other
  /// pieces are not tested any more.
  mutating func test() -> [(transfer: PendingTransfer, piece: Int)] {
    guard !requests.isEmpty else { return [] }
    var count: Int32 = 0
    let status = MPI_Testsome(Int32(requests.count), &requests, &count, &indices, &statuses)
    let some = status == Int32(MPI_ERR_IN_STATUS)
    if status != Int32(MPI_SUCCESS) && !some {
      // MPI itself has failed: no piece will complete.
      do { try Communicator.check(status, "MPI_Testsome") } catch {
        for owner in owners { owner.transfer.error = error }
      }
      let failed = owners
      requests = []
      owners = []
      return failed
    }
    guard count > 0 else { return [] }
    let places = indices[0..<Int(count)].map(Int.init)
    for (answer, place) in places.enumerated() {
      let (transfer, piece) = owners[place]
      do {
        if some { try Communicator.check(statuses[answer].MPI_ERROR, "a transfer") }
        try transfer.check(piece, &statuses[answer])
      } catch { transfer.error = error }
    }
    let done = places.map { owners[$0] }
    // MPI has set their handles to null; the last requests take their places.
    for place in places.sorted(by: >) {
      requests.swapAt(place, requests.count - 1)
      owners.swapAt(place, owners.count - 1)
      requests.removeLast()
      owners.removeLast()
    }
    for transfer in Set(done.compactMap { $0.transfer.error == nil ? nil : ObjectIdentifier($0.transfer) }) {
      for place in owners.indices.reversed() where ObjectIdentifier(owners[place].transfer) == transfer {
        requests.remove(at: place)
        owners.remove(at: place)
      }
    }
    return done
  }
}
