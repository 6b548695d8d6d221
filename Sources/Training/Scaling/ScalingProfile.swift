// What was recorded on some ranks, carried over to other numbers of ranks and other links.
import Cluster
import Models
import Foundation
import Compute

/// One phase's arithmetic as one rank did it, and the link that it used.
package struct ScalingProfile: Sendable {
  package var phase: PhaseSpec
  package var script: IterationTimeline
  /// By bucket of the plan, which does not depend on the ranks but for the slices.
  package var buckets: [BucketSeconds]
  /// Of the layout that was recorded.
  package var traffic: CommunicationVolume
  package var link: LinkFigures
  /// Multiply-adds a second of gradients from factors; nil where nobody has measured them.
  package var products: Double?

  package init(
    phase: PhaseSpec, script: IterationTimeline, buckets: [BucketSeconds], traffic: CommunicationVolume, link: LinkFigures,
    products: Double? = nil
  ) {
    (self.phase, self.script, self.buckets, self.traffic) = (phase, script, buckets, traffic)
    (self.link, self.products) = (link, products)
  }

  /// The model of the same minibatch on `traffic.ranks` nodes.
  /// - Parameter bandwidth: payload bytes a second, each way.
  package func model(_ traffic: CommunicationVolume, bandwidth: Double, latency: Double) -> ScalingModel {
    let rank = traffic.busiest
    let buckets = traffic.plan.buckets.indices.map { place in
      let bucket = traffic.plan.buckets[place]
      return ScalingModel.Bucket(
        parameters: bucket.parameters, way: bucket.way, seconds: seconds(place, traffic),
        gradientBytes: traffic.gradientBytes(bucket, from: rank), weightBytes: traffic.weightBytes(bucket, from: rank))
    }
    var model = ScalingModel(script: script, buckets: buckets, ranks: traffic.ranks, shards: traffic.shards(of: 0))
    model.factorBytes = traffic.factorBytes.mapValues { $0 * (traffic.ranks - 1) }
    model.reportBytes = traffic.reportBytes
    model.looksAhead = phase.hasFrozenPart
    (model.bandwidth, model.latency) = (bandwidth, latency)
    model.messageSeconds = link.messageSeconds
    return model
  }

  /// A bucket's seconds on other ranks: an update goes with the slice, a sum over own shards with their number, a sum over all
  /// shards with the slice. Where a layer's way is another one there, its multiply-adds are as fast as they were here.
  private func seconds(_ place: Int, _ there: CommunicationVolume) -> BucketSeconds {
    let (here, now) = (traffic.plan.buckets[place], there.plan.buckets[place])
    let measured = buckets[place]
    func slice(_ bucket: BucketPlan.Bucket) -> Double { Double(bucket.slices.map(\.count).max() ?? 0) }
    let slices = slice(now) / max(slice(here), 1)
    guard let wayHere = here.way, let wayThere = now.way else { return BucketSeconds(update: measured.update * slices) }
    let floats = Double(here.range.count)
    let shards = Double(traffic.tree.shards)
    func foreign(_ traffic: CommunicationVolume) -> Double { shards - Double(traffic.shards(of: 0)) }
    let unpack = foreign(traffic) > 0 ? measured.unpack * foreign(there) / foreign(traffic) : 0
    switch (wayHere, wayThere) {
    case (.sums, .sums):
      let own = Double(there.shards(of: 0)) / Double(traffic.shards(of: 0))
      return BucketSeconds(sum: measured.sum * own, update: measured.update * slices)
    case (.sums, _):
      let product = measured.sum / (floats * Double(traffic.shards(of: 0)))
      return BucketSeconds(update: product * slice(now) * shards + measured.update * slices)
    case (_, .sums):
      let product = measured.update / (slice(here) * shards)
      return BucketSeconds(sum: product * floats * Double(there.shards(of: 0)), update: updateSeconds * slice(now))
    default:
      return BucketSeconds(unpack: unpack, update: measured.update * slices)
    }
  }

  /// Seconds to add and update a float, from the gradients that are stored.
  private var updateSeconds: Double {
    let stored = traffic.plan.buckets.indices.filter { traffic.plan.buckets[$0].way == nil }
    let floats = stored.reduce(0) { $0 + (traffic.plan.buckets[$1].slices.map(\.count).max() ?? 0) }
    return stored.reduce(0) { $0 + buckets[$1].update } / Double(max(floats, 1))
  }
}

/// What a link between two ranks gives, measured while all ranks send.
package struct LinkFigures: Sendable, Equatable, Codable {
  /// Payload bytes a second from each rank to the next, the slowest link's.
  package var bandwidth: Double
  /// Seconds until a short message is known.
  package var latency: Double
  /// Seconds of a rank's own cores for each byte that it sends and each that it receives; 0 where a core is free.
  package var messageSeconds: Double

  package init(bandwidth: Double, latency: Double, messageSeconds: Double) {
    (self.bandwidth, self.latency, self.messageSeconds) = (bandwidth, latency, messageSeconds)
  }

  /// Payload bytes a second of a link of so many Gbit/s: what is left by Ethernet, IP and TCP headers of 1500-byte frames.
  package static func payload(gigabits: Double) -> Double { gigabits * 1e9 / 8 * 1448 / 1538 }

  /// Collective; about two seconds on a slow link.
  ///
  /// - Parameter estimate: of the bandwidth; messages are as long as the link needs to come to its rate.
  static func measure(_ communicator: Communicator, threads: Int, estimate: Double) throws -> LinkFigures {
    guard communicator.size > 1 else { return LinkFigures(bandwidth: .infinity, latency: 0, messageSeconds: 0) }
    // Long enough for a shaped link to come to its rate. One way after the other: two streams of one connection that fill
    // a deep queue wait for each other's answers, and would tell half of what the link carries.
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
      let start = Clock.now
      let turn = round % 2
      var transfers: [Transfer] = []
      if (rank + size - 1) % size % 2 == turn { transfers.append(receive) }
      if rank % 2 == turn { transfers.append(send) }
      try communicator.exchange(transfers)
      best[turn] = min(best[turn], Clock.now - start)
    }
    let slowest = try communicator.allGather(best).map { $0.max()! }.max()!
    let bandwidth = max(Double(4 * floats) / slowest, estimate)
    try communicator.barrier()
    var rounds: [Double] = []
    for _ in 0..<200 {
      let start = Clock.now
      try exchange(64)
      rounds.append(Clock.now - start)
    }
    try communicator.barrier()
    let before = processorSeconds
    try exchange(floats)
    let processor = (processorSeconds - before) / Double(4 * floats)
    // Threads share the cores with messages where there are no more cores than threads; then each thread has a part of it.
    let isCrowded = threads * communicator.ranksOnThisNode >= AvailableCores.inMask
    let own = [TimelineRecorder.median(rounds), isCrowded ? processor / Double(threads) : 0]
    let all = try communicator.allGather(own)
    return LinkFigures(
      bandwidth: bandwidth, latency: all.map { $0[0] }.max()!, messageSeconds: all.map { $0[1] }.max()!)
  }

  /// Seconds that all threads of this process have computed.
  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
