// Messages between ranks: handed to the communication thread, and looked after by it until they have arrived.
import COpenMPI
import Synchronization

/// Floats that go to or come from another rank.
package enum Transfer {
  case send(UnsafePointer<Float>, count: Int, to: Int)
  case receive(UnsafeMutablePointer<Float>, count: Int, from: Int)
}

/// What a message belongs to. Messages of one kind between two ranks arrive in the order in which they were started.
package enum TransferKind: Hashable, Sendable, CustomStringConvertible {
  case general
  case bytes
  /// The ranks' words at the end of an iteration.
  case reports
  /// Sums of one bucket's gradients.
  case gradients(bucket: Int)
  /// New weights of one bucket.
  case weights(bucket: Int)
  /// Factors of one parameter's gradient.
  case factors(parameter: Int)
  /// The velocity for a checkpoint.
  case velocity

  var tag: Int32 {
    switch self {
    case .general: 1
    case .bytes: 2
    case .reports: 3
    case .velocity: 4
    case .gradients(let bucket): 16 + 3 * Int32(bucket)
    case .weights(let bucket): 17 + 3 * Int32(bucket)
    case .factors(let parameter): 18 + 3 * Int32(parameter)
    }
  }

  package var description: String {
    switch self {
    case .general: "a message"
    case .bytes: "bytes"
    case .velocity: "velocity for a checkpoint"
    case .reports: "the report at the end of the iteration"
    case .gradients(let bucket): "gradients of bucket \(bucket)"
    case .weights(let bucket): "weights of bucket \(bucket)"
    case .factors(let parameter): "gradient factors of parameter \(parameter)"
    }
  }
}

/// Messages that were started together. Their memory must stay valid until they have ended.
///
/// `@unchecked Sendable`: made by one thread, then the communication thread's alone; what others read, they read when
/// `hasEnded` says so, or under that thread's mutex.
package final class PendingTransfer: @unchecked Sendable {
  package let kind: TransferKind
  /// Monotonic seconds; the second is set when `hasEnded`.
  package internal(set) var started = 0.0
  package internal(set) var finished = 0.0
  /// Payload bytes that this rank sends.
  package private(set) var bytesSent = 0

  /// The larger of what this rank sends and of what it receives.
  let bytes: Int
  var isInWindow = false
  private let transfers: [Transfer]
  private let pieceBytes: Int
  private let world: MPI_Comm
  private let endedFlag = Atomic<Bool>(false)
  var error: (any Error)?
  /// One for each piece: whether it is still open, with whom, and what a receive expects (-1 for a send).
  var isOpen: [Bool] = []
  var peers: [Int] = []
  var expected: [Int] = []
  var open = 0

  init(_ kind: TransferKind, _ transfers: [Transfer], pieceBytes: Int, world: MPI_Comm) {
    (self.kind, self.transfers, self.pieceBytes, self.world) = (kind, transfers, pieceBytes, world)
    var (out, into) = (0, 0)
    for transfer in transfers {
      switch transfer {
      case .send(_, let count, _): out += count
      case .receive(_, let count, _): into += count
      }
    }
    bytes = max(out, into) * MemoryLayout<Float>.stride
  }

  /// Whether all messages have arrived or left; from any thread.
  package var hasEnded: Bool { endedFlag.load(ordering: .acquiring) }

  func markEnded() { endedFlag.store(true, ordering: .releasing) }

  /// Starts all messages; receives come first, so that sends find them. Returns MPI's handle of each piece.
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

  /// Throws where a piece did not arrive as it should.
  func check(_ piece: Int, _ status: inout MPI_Status) throws {
    guard expected[piece] >= 0 else { return }
    var received: Int32 = 0
    try Communicator.check(MPI_Get_count(&status, dnet_mpi_byte(), &received), "MPI_Get_count")
    guard Int(received) == expected[piece] else {
      throw ClusterError.shortMessage(from: Int(status.MPI_SOURCE), expected: expected[piece], received: Int(received))
    }
  }
}

extension Communicator {
  /// Hands messages to the communication thread. Not collective, but each send needs its receive.
  /// Any number of floats may travel in one transfer.
  ///
  /// - Parameter isQueued: whether they wait for `window`; all ranks must queue in the same order.
  package func start(_ transfers: [Transfer], _ kind: TransferKind = .general, isQueued: Bool = false)
    -> PendingTransfer
  {
    let flight = PendingTransfer(kind, transfers, pieceBytes: pieceBytes, world: world)
    thread.start(flight, isQueued: isQueued)
    return flight
  }

  /// Waits until all messages have arrived or left.
  package func wait(_ flight: PendingTransfer) throws {
    if !flight.hasEnded { waiting { thread.wait(for: flight) } }
    if let error = flight.error { throw error }
  }

  /// A count that grows whenever a flight ends.
  package var completedTransfers: Int { thread.ended.load(ordering: .acquiring) }

  /// Returns when a flight has ended since the count was `seen`.
  package func waitForNews(since seen: Int) { waiting { thread.waitForNews(since: seen) } }

  /// Starts messages and waits for all of them.
  package func exchange(_ transfers: [Transfer], _ kind: TransferKind = .general) throws {
    try wait(start(transfers, kind))
  }

  /// As `exchange`, from another thread than the rank's own: the time does not count as the rank's waiting.
  package func exchangeBeside(_ transfers: [Transfer], _ kind: TransferKind) throws {
    let flight = start(transfers, kind)
    thread.wait(for: flight, hurriedly: false)
    if let error = flight.error { throw error }
  }

  /// Sends floats; the receiver names the same count.
  package func send(_ values: UnsafePointer<Float>, count: Int, to rank: Int) throws {
    try exchange([.send(values, count: count, to: rank)])
  }

  /// Receives floats; the sender names the same count.
  package func receive(_ values: UnsafeMutablePointer<Float>, count: Int, from rank: Int) throws {
    try exchange([.receive(values, count: count, from: rank)])
  }
}
