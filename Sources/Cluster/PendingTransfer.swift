// Messages that were started together and are in flight: their pieces, their MPI calls and their end.
import COpenMPI
import Synchronization

/// Messages that were started together. Their memory must stay valid until they have ended.
///
/// `@unchecked Sendable`: made by one thread, then used by the communication thread alone; other threads read it when
/// `hasEnded` is true, or under that thread's mutex.
package final class PendingTransfer: @unchecked Sendable {
  package let kind: TransferKind
  /// Monotonic seconds.
  package internal(set) var started = 0.0
  /// Monotonic seconds; set when `hasEnded`.
  package internal(set) var finished = 0.0
  /// Payload bytes that this rank sends.
  package private(set) var bytesSent = 0

  /// The larger of the bytes that this rank sends and of those that it receives.
  let bytes: Int
  var isInWindow = false
  private let transfers: [Transfer]
  private let pieceBytes: Int
  private let world: MPI_Comm
  private let endedFlag = Atomic<Bool>(false)
  var error: (any Error)?
  /// For each piece, whether it has not ended.
  var isOpen: [Bool] = []
  /// For each piece, the other rank.
  var peers: [Int] = []
  /// For each piece, the bytes that a receive expects; -1 for a send.
  var expected: [Int] = []
  /// The number of pieces that have not ended.
  var open = 0

  init(_ kind: TransferKind, _ transfers: [Transfer], pieceBytes: Int, world: MPI_Comm) {
    self.kind = kind
    self.transfers = transfers
    self.pieceBytes = pieceBytes
    self.world = world
    var (out, into) = (0, 0)
    for transfer in transfers {
      switch transfer {
      case .send(_, let count, _): out += count
      case .receive(_, let count, _): into += count
      }
    }
    bytes = max(out, into) * MemoryLayout<Float>.stride
  }

  /// True when all messages have arrived or left; readable from any thread.
  package var hasEnded: Bool { endedFlag.load(ordering: .acquiring) }

  func markEnded() { endedFlag.store(true, ordering: .releasing) }

  /// Starts all messages, receives first, so that they are posted when sends arrive. Returns MPI's handle of each
  /// piece.
  func post() throws -> [MPI_Request?] {
    var requests: [MPI_Request?] = []
    let float = MemoryLayout<Float>.stride
    for case .receive(let values, let count, let from) in transfers where count > 0 {
      try receive(UnsafeMutableRawBufferPointer(start: values, count: count * float), from: from, &requests)
    }
    for case .send(let values, let count, let to) in transfers where count > 0 {
      try send(UnsafeRawBufferPointer(start: values, count: count * float), to: to, &requests)
    }
    open = requests.count
    isOpen = Array(repeating: true, count: open)
    return requests
  }

  private func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, _ requests: inout [MPI_Request?]) throws {
    bytesSent += bytes.count
    for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
      var request = dnet_mpi_request_null()
      let length = Int32(min(pieceBytes, bytes.count - first))
      try Communicator.check(
        MPI_Isend(bytes.baseAddress! + first, length, dnet_mpi_byte(), Int32(rank), kind.tag, world, &request),
        "MPI_Isend")
      requests.append(request)
      peers.append(rank)
      expected.append(-1)
    }
  }

  private func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, _ requests: inout [MPI_Request?]) throws
  {
    for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
      var request = dnet_mpi_request_null()
      let length = min(pieceBytes, bytes.count - first)
      try Communicator.check(
        MPI_Irecv(bytes.baseAddress! + first, Int32(length), dnet_mpi_byte(), Int32(rank), kind.tag, world, &request),
        "MPI_Irecv")
      requests.append(request)
      peers.append(rank)
      expected.append(length)
    }
  }

  /// Throws if a received piece has another length than expected.
  func check(_ piece: Int, _ status: inout MPI_Status) throws {
    guard expected[piece] >= 0 else { return }
    var received: Int32 = 0
    try Communicator.check(MPI_Get_count(&status, dnet_mpi_byte(), &received), "MPI_Get_count")
    guard Int(received) == expected[piece] else {
      throw ClusterError.shortMessage(from: Int(status.MPI_SOURCE), expected: expected[piece], received: Int(received))
    }
  }
}
