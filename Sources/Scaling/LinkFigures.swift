// The bandwidth and latency of the links between ranks, and the processor time that messages take, as measured.
import Cluster
import Compute
import Foundation
import Support
import Training

/// The properties of a link between two ranks, measured while all ranks send.
package struct LinkFigures: Sendable, Equatable, Codable {
  /// Payload bytes per second from each rank to the next, of the slowest link.
  package var bandwidth: Double
  /// Seconds from the send of a short message to its arrival.
  package var latency: Double
  /// Seconds of a rank's own cores for each byte that it sends and each that it receives; 0 where a core is free.
  package var messageSeconds: Double

  package init(bandwidth: Double, latency: Double, messageSeconds: Double) {
    self.bandwidth = bandwidth
    self.latency = latency
    self.messageSeconds = messageSeconds
  }

  /// Returns the payload bytes per second of a link: its rate without Ethernet, IP and TCP headers of 1500-byte frames.
  package static func payload(gigabits: Double) -> Double { gigabits * 1e9 / 8 * 1448 / 1538 }

  /// Measures the links. Collective; about two seconds on a slow link.
  ///
  /// - Parameter estimate: An estimate of the bandwidth, from which the length of the messages follows.
  static func measure(_ communicator: Communicator, threads: Int, estimate: Double) throws -> LinkFigures {
    guard communicator.size > 1 else { return LinkFigures(bandwidth: .infinity, latency: 0, messageSeconds: 0) }
    // The messages are long enough for a shaped link to reach its rate. One direction after the other: two streams of
    // one connection that fill a deep queue wait for each other's acknowledgements, and would show half of the
    // bandwidth.
    let floats = min(max(Int(0.4 * estimate / 4), 1 << 16), 32 << 20)
    let (out, into) = (AlignedMemory(floats: floats), AlignedMemory(floats: floats))
    let (rank, size) = (communicator.rank, communicator.size)
    let send = Transfer.send(UnsafePointer(out.pointer), count: floats, to: (rank + 1) % size)
    let receive = Transfer.receive(into.pointer, count: floats, from: (rank + size - 1) % size)
    func exchange(_ count: Int) throws {
      try communicator.exchange([
        .receive(into.pointer, count: count, from: (rank + size - 1) % size),
        .send(UnsafePointer(out.pointer), count: count, to: (rank + 1) % size),
      ])
    }
    var best = [Double.infinity, .infinity]
    for round in 0..<6 {
      try communicator.barrier()
      let start = MonotonicClock.now
      let turn = round % 2
      var transfers: [Transfer] = []
      if (rank + size - 1) % size % 2 == turn { transfers.append(receive) }
      if rank % 2 == turn { transfers.append(send) }
      try communicator.exchange(transfers)
      best[turn] = min(best[turn], MonotonicClock.now - start)
    }
    let slowest = try communicator.allGather(best).map { $0.max()! }.max()!
    let bandwidth = max(Double(4 * floats) / slowest, estimate)
    try communicator.barrier()
    var rounds: [Double] = []
    for _ in 0..<200 {
      let start = MonotonicClock.now
      try exchange(64)
      rounds.append(MonotonicClock.now - start)
    }
    try communicator.barrier()
    let before = processorSeconds
    try exchange(floats)
    let processor = (processorSeconds - before) / Double(4 * floats)
    // If there are no more cores than threads, the threads share the cores with the messages, and the cost is
    // divided among them.
    let isCrowded = threads * communicator.ranksOnThisNode >= AvailableCores.inMask
    let own = [Averages.median(rounds), isCrowded ? processor / Double(threads) : 0]
    let all = try communicator.allGather(own)
    return LinkFigures(
      bandwidth: bandwidth, latency: all.map { $0[0] }.max()!, messageSeconds: all.map { $0[1] }.max()!)
  }

  /// The processor seconds of all threads of this process.
  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
