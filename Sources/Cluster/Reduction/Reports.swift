// What ranks tell each other at the end of an iteration: one short message from each to each. Losses, flags and times
// travel in it, so that an iteration needs no other agreement, and its arrival shows who is late.
import Support

/// One iteration's words of all ranks. Values are Doubles; every rank sends the same number of them.
final class Reports {
  private let communicator: Communicator
  private let count: Int
  /// [rank][count], as pairs of floats that carry the bits.
  private let memory: UnsafeMutablePointer<Double>
  private var flights: [PendingTransfer?] = []
  private var isUnderWay = false
  private var startedAt = 0.0

  init(_ communicator: Communicator, count: Int) {
    self.communicator = communicator
    self.count = count
    memory = .allocate(capacity: max(communicator.size * count, 1))
    memory.initialize(repeating: 0, count: communicator.size * count)
  }

  deinit { memory.deallocate() }

  func start(_ values: [Double]) {
    precondition(values.count == count && !isUnderWay, "\(values.count) values of \(count), or a report is under way")
    isUnderWay = true
    startedAt = MonotonicClock.now
    let (rank, size) = (communicator.rank, communicator.size)
    for index in values.indices { memory[rank * count + index] = values[index] }
    func floats(_ rank: Int) -> UnsafeMutablePointer<Float> {
      UnsafeMutableRawPointer(memory + rank * count).assumingMemoryBound(to: Float.self)
    }
    // One flight a rank, so that each has a time of arrival.
    flights = (0..<size).map { other in
      other == rank
        ? nil
        : communicator.start(
          [.receive(floats(other), count: 2 * count, from: other), .send(floats(rank), count: 2 * count, to: other)],
          .reports)
    }
  }

  var haveArrived: Bool { flights.allSatisfy { $0?.hasEnded ?? true } }

  /// Waits for all; the values by rank, and how many seconds after this rank's own each rank's came (negative never;
  /// a rank that was there before counts 0).
  func finish() throws -> (reports: [[Double]], lateness: [Double]) {
    precondition(isUnderWay, "no report was started")
    for flight in flights { if let flight { try communicator.wait(flight) } }
    isUnderWay = false
    let lateness = flights.map { $0.map { max($0.finished - startedAt, 0) } ?? 0 }
    flights = []
    return ((0..<communicator.size).map { rank in (0..<count).map { memory[rank * count + $0] } }, lateness)
  }
}
