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
package final class TransfersInFlight: @unchecked Sendable {
  package let kind: TransferKind
  /// Monotonic seconds; the second is set when `hasEnded`.
  package internal(set) var started = 0.0
  package internal(set) var finished = 0.0
  /// Payload bytes that this rank sends.
  package private(set) var bytesSent = 0

  private let transfers: [Transfer]
  private let pieceBytes: Int
  private let world: MPI_Comm
  private let endedFlag = Atomic<Bool>(false)
  var error: (any Error)?
  /// One for each piece: MPI's handle, whether it is still open, with whom, and what a receive expects (-1 for a send).
  var requests: [MPI_Request?] = []
  var isOpen: [Bool] = []
  var peers: [Int] = []
  var expected: [Int] = []
  var open = 0
  /// Room for MPI's answers.
  private var indices: [Int32] = []
  private var statuses: [MPI_Status] = []

  init(_ kind: TransferKind, _ transfers: [Transfer], pieceBytes: Int, world: MPI_Comm) {
    (self.kind, self.transfers, self.pieceBytes, self.world) = (kind, transfers, pieceBytes, world)
  }

  /// Whether all messages have arrived or left; from any thread.
  package var hasEnded: Bool { endedFlag.load(ordering: .acquiring) }

  func markEnded() { endedFlag.store(true, ordering: .releasing) }

  /// Starts all messages; receives come first, so that sends find them. Returns the bytes that are sent.
  func post() throws -> Int {
    let float = MemoryLayout<Float>.stride
    for case .receive(let values, let count, let from) in transfers where count > 0 {
      try receive(UnsafeMutableRawBufferPointer(start: values, count: count * float), from: from)
    }
    for case .send(let values, let count, let to) in transfers where count > 0 {
      try send(UnsafeRawBufferPointer(start: values, count: count * float), to: to)
    }
    open = requests.count
    isOpen = Array(repeating: true, count: open)
    indices = Array(repeating: 0, count: open)
    statuses = Array(repeating: MPI_Status(), count: open)
    return bytesSent
  }

  private func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
    bytesSent += bytes.count
    for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
      var request = dnet_mpi_request_null()
      let length = Int32(min(pieceBytes, bytes.count - first))
      try Communicator.check(
        MPI_Isend(bytes.baseAddress! + first, length, dnet_mpi_byte(), Int32(rank), kind.tag, world, &request), "MPI_Isend")
      append(request, rank, -1)
    }
  }

  private func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
      var request = dnet_mpi_request_null()
      let length = min(pieceBytes, bytes.count - first)
      try Communicator.check(
        MPI_Irecv(bytes.baseAddress! + first, Int32(length), dnet_mpi_byte(), Int32(rank), kind.tag, world, &request),
        "MPI_Irecv")
      append(request, rank, length)
    }
  }

  private func append(_ request: MPI_Request?, _ peer: Int, _ length: Int) {
    requests.append(request)
    peers.append(peer)
    expected.append(length)
  }

  /// Which pieces have ended since the last look.
  func test() throws -> [Int] {
    var done: Int32 = 0
    let status = MPI_Testsome(Int32(requests.count), &requests, &done, &indices, &statuses)
    if status == Int32(MPI_ERR_IN_STATUS) {
      for place in 0..<max(0, Int(done)) { try Communicator.check(statuses[place].MPI_ERROR, "a transfer") }
    }
    try Communicator.check(status, "MPI_Testsome")
    guard done > 0 else { return [] }
    let places = indices[0..<Int(done)].map(Int.init)
    for (answer, place) in places.enumerated() where expected[place] >= 0 {
      var received: Int32 = 0
      try Communicator.check(MPI_Get_count(&statuses[answer], dnet_mpi_byte(), &received), "MPI_Get_count")
      if Int(received) != expected[place] {
        throw ClusterError.shortMessage(
          from: Int(statuses[answer].MPI_SOURCE), expected: expected[place], received: Int(received))
      }
    }
    return places
  }
}

extension Communicator {
  /// Hands messages to the communication thread. Not collective, but each send needs its receive.
  /// Any number of floats may travel in one transfer.
  package func start(_ transfers: [Transfer], _ kind: TransferKind = .general) -> TransfersInFlight {
    let flight = TransfersInFlight(kind, transfers, pieceBytes: pieceBytes, world: world)
    thread.start(flight)
    return flight
  }

  /// Waits until all messages have arrived or left.
  package func wait(_ flight: TransfersInFlight) throws {
    if !flight.hasEnded { waiting { thread.wait(for: flight) } }
    if let error = flight.error { throw error }
  }

  /// A count that grows whenever a flight ends.
  package var flightsEnded: Int { thread.ended.load(ordering: .acquiring) }

  /// Returns when a flight has ended since the count was `seen`.
  package func waitForNews(since seen: Int) { waiting { thread.waitForNews(since: seen) } }

  /// Starts messages and waits for all of them.
  package func exchange(_ transfers: [Transfer], _ kind: TransferKind = .general) throws {
    try wait(start(transfers, kind))
  }

  /// As `exchange`, from another thread than the rank's own: the time does not count as the rank's waiting.
  package func exchangeBeside(_ transfers: [Transfer], _ kind: TransferKind) throws {
    let flight = start(transfers, kind)
    thread.wait(for: flight)
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
