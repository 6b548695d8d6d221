// Messages in flight, and how a rank waits for them.
//
// Open MPI 4.1 moves data only inside its calls, and its blocking calls spin. Where every core computes, a spinning
// rank takes a core from the arithmetic. So all operations are non-blocking and polled: busily for a moment, since most
// answers come at once, then with sleeps that grow while nothing arrives and shrink to nothing when something does.
import COpenMPI
import Foundation

/// Floats that go to or come from another rank.
package enum Transfer {
  case send(UnsafePointer<Float>, count: Int, to: Int)
  case receive(UnsafeMutablePointer<Float>, count: Int, from: Int)
}

/// What a message belongs to. Messages of one kind between two ranks arrive in the order in which they were sent.
package enum TransferKind: Int32 {
  case general = 1
  case gradients = 2
  case weights = 3
  case bytes = 4
}

/// Messages that were started and not yet waited for. Their memory must stay valid until `Communicator.wait` returns.
package final class TransfersInFlight {
  var requests: [MPI_Request?] = []
  /// Bytes that a receive expects; -1 for all else.
  var expected: [Int] = []
}

extension Communicator {
  /// Starts messages; receives come first, so that sends find them. Not collective, but each send needs its receive.
  /// Any number of floats may travel in one transfer.
  package func start(_ transfers: [Transfer], _ kind: TransferKind = .general) throws -> TransfersInFlight {
    let flight = TransfersInFlight()
    for case .receive(let values, let count, let from) in transfers where count > 0 {
      let bytes = UnsafeMutableRawBufferPointer(start: values, count: count * MemoryLayout<Float>.stride)
      try receive(bytes, from: from, kind, flight)
    }
    for case .send(let values, let count, let to) in transfers where count > 0 {
      try send(UnsafeRawBufferPointer(start: values, count: count * MemoryLayout<Float>.stride), to: to, kind, flight)
    }
    return flight
  }

  /// Starts messages and waits for all of them.
  package func exchange(_ transfers: [Transfer], _ kind: TransferKind = .general) throws {
    try wait(start(transfers, kind))
  }

  /// Sends floats; the receiver names the same count.
  package func send(_ values: UnsafePointer<Float>, count: Int, to rank: Int) throws {
    try exchange([.send(values, count: count, to: rank)])
  }

  /// Receives floats; the sender names the same count.
  package func receive(_ values: UnsafeMutablePointer<Float>, count: Int, from rank: Int) throws {
    try exchange([.receive(values, count: count, from: rank)])
  }

  func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, _ kind: TransferKind, _ flight: TransfersInFlight) throws {
    for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
      var request = dnet_mpi_request_null()
      let length = Int32(min(pieceBytes, bytes.count - first))
      try Self.check(
        MPI_Isend(
          bytes.baseAddress! + first, length, dnet_mpi_byte(), Int32(rank), kind.rawValue, world, &request), "MPI_Isend")
      flight.requests.append(request)
      flight.expected.append(-1)
    }
  }

  func receive(
    _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, _ kind: TransferKind, _ flight: TransfersInFlight
  ) throws {
    for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
      var request = dnet_mpi_request_null()
      let length = min(pieceBytes, bytes.count - first)
      try Self.check(
        MPI_Irecv(
          bytes.baseAddress! + first, Int32(length), dnet_mpi_byte(), Int32(rank), kind.rawValue, world, &request),
        "MPI_Irecv")
      flight.requests.append(request)
      flight.expected.append(length)
    }
  }

  /// Lets messages move without waiting for them: call it between pieces of long arithmetic.
  package func progress() throws {
    var flag: Int32 = 0
    try Self.check(
      MPI_Iprobe(Int32(MPI_ANY_SOURCE), Int32(MPI_ANY_TAG), world, &flag, dnet_mpi_status_ignore()), "MPI_Iprobe")
  }

  /// Waits until all messages have arrived or left.
  package func wait(_ flight: TransfersInFlight) throws {
    let count = flight.requests.count
    guard count > 0 else { return }
    var backoff = Backoff()
    var indices = [Int32](repeating: 0, count: count)
    var statuses = [MPI_Status](repeating: MPI_Status(), count: count)
    var left = count
    defer { secondsWaiting += backoff.seconds }
    while left > 0 {
      var done: Int32 = 0
      let status = MPI_Testsome(Int32(count), &flight.requests, &done, &indices, &statuses)
      if status == Int32(MPI_ERR_IN_STATUS) {
        for place in 0..<max(0, Int(done)) { try Self.check(statuses[place].MPI_ERROR, "a transfer") }
      }
      try Self.check(status, "MPI_Testsome")
      guard done > 0 else {
        backoff.pause()
        continue
      }
      for place in 0..<Int(done) {
        let expected = flight.expected[Int(indices[place])]
        guard expected >= 0 else { continue }
        var received: Int32 = 0
        try Self.check(MPI_Get_count(&statuses[place], dnet_mpi_byte(), &received), "MPI_Get_count")
        if Int(received) != expected {
          throw ClusterError.shortMessage(
            from: Int(statuses[place].MPI_SOURCE), expected: expected, received: Int(received))
        }
      }
      left -= Int(done)
      backoff.reset()
    }
    flight.requests.removeAll()
    flight.expected.removeAll()
  }

  /// Waits for one non-blocking collective operation.
  func wait(_ request: inout MPI_Request?, _ call: String) throws {
    var backoff = Backoff()
    defer { secondsWaiting += backoff.seconds }
    while true {
      var done: Int32 = 0
      try Self.check(MPI_Test(&request, &done, dnet_mpi_status_ignore()), call)
      if done != 0 { return }
      backoff.pause()
    }
  }
}

/// How long to stay away between two looks: not at all for the first 50 microseconds without news, then 20 microseconds,
/// half as much more each time, up to 500.
struct Backoff {
  private static let busy = 50_000
  private static let shortest = 20_000
  private static let longest = 500_000

  private let start = Backoff.now()
  private var lastNews: Int
  private var nap = Backoff.shortest

  init() { lastNews = start }

  /// Seconds since the wait began.
  var seconds: Double { Double(Self.now() - start) * 1e-9 }

  /// Something arrived: look again at once.
  mutating func reset() {
    lastNews = Self.now()
    nap = Self.shortest
  }

  mutating func pause() {
    if Self.now() - lastNews < Self.busy { return }
    var time = timespec(tv_sec: 0, tv_nsec: nap)
    nanosleep(&time, nil)
    nap = min(nap + nap / 2, Self.longest)
  }

  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
