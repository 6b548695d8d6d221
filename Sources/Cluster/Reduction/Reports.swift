// The exchange of the ranks' reports at the end of an iteration: one short message from each rank to each. Losses,
// flags and times travel in it, so that an iteration needs no other agreement, and the times of arrival show which
// ranks are late.
import Support

/// One iteration's reports of all ranks. Values are Doubles; every rank sends the same number of them.
final class Reports {
  private let communicator: Communicator
  private let count: Int
  /// [rank][count], sent as pairs of floats that carry the bits.
  private let memory: UnsafeMutablePointer<Double>
  /// One for each other rank, so that each has a time of arrival.
  private var transfers: [PendingTransfer?] = []
  private var isInFlight = false
  private var startedAt = 0.0

  init(_ communicator: Communicator, count: Int) {
    self.communicator = communicator
    self.count = count
    memory = .allocate(capacity: max(communicator.size * count, 1))
    memory.initialize(repeating: 0, count: communicator.size * count)
  }

  deinit { memory.deallocate() }

  func submit(_ values: [Double]) {
    precondition(values.count == count && !isInFlight, "\(values.count) values of \(count), or a report is in flight")
    isInFlight = true
    startedAt = MonotonicClock.now
    let (rank, size) = (communicator.rank, communicator.size)
    for index in values.indices { memory[rank * count + index] = values[index] }
    func floats(_ rank: Int) -> UnsafeMutablePointer<Float> {
      UnsafeMutableRawPointer(memory + rank * count).assumingMemoryBound(to: Float.self)
    }
    transfers = (0..<size).map { other in
      other == rank
        ? nil
        : communicator.start(
          [.receive(floats(other), count: 2 * count, from: other), .send(floats(rank), count: 2 * count, to: other)],
          .reports)
    }
  }

  var haveArrived: Bool { transfers.allSatisfy { $0?.hasEnded ?? true } }

  /// Waits for all reports. Returns the values by rank, and how many seconds after this rank's own each rank's came; a
  /// report that came earlier counts 0.
  func collect() throws -> (reports: [[Double]], lateness: [Double]) {
    precondition(isInFlight, "no report was submitted")
    for transfer in transfers { if let transfer { try communicator.wait(transfer) } }
    isInFlight = false
    let lateness = transfers.map { $0.map { max($0.finished - startedAt, 0) } ?? 0 }
    transfers = []
    return ((0..<communicator.size).map { rank in (0..<count).map { memory[rank * count + $0] } }, lateness)
  }
}
