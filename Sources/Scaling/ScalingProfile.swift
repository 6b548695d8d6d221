// The extrapolation of a recorded phase to other numbers of ranks and other links.
import Cluster
import Models
import Training

/// One phase's computation as recorded on one rank, and the link that it used.
package struct ScalingProfile: Sendable {
  package var phase: PhaseSpec
  package var timeline: IterationTimeline
  /// By bucket of the plan, whose buckets do not depend on the ranks; only their slices do.
  package var buckets: [BucketSeconds]
  /// The communication volume of the recorded layout.
  package var volume: CommunicationVolume
  package var link: LinkFigures
  /// Multiply-adds per second in gradients from factors; nil where they are not measured.
  package var multiplyAddRate: Double?

  package init(
    phase: PhaseSpec, timeline: IterationTimeline, buckets: [BucketSeconds], volume: CommunicationVolume,
    link: LinkFigures, multiplyAddRate: Double? = nil
  ) {
    self.phase = phase
    self.timeline = timeline
    self.buckets = buckets
    self.volume = volume
    self.link = link
    self.multiplyAddRate = multiplyAddRate
  }

  /// Returns the model of the same minibatch on `volume.ranks` nodes.
  /// - Parameter bandwidth: Payload bytes per second, each way.
  package func model(_ volume: CommunicationVolume, bandwidth: Double, latency: Double) -> ScalingModel {
    let rank = volume.busiest
    let buckets = volume.plan.buckets.indices.map { place in
      let bucket = volume.plan.buckets[place]
      return ScalingModel.Bucket(
        parameters: bucket.parameters, exchange: bucket.exchange, seconds: seconds(place, volume),
        gradientBytes: volume.gradientBytes(bucket, from: rank), weightBytes: volume.weightBytes(bucket, from: rank))
    }
    var model = ScalingModel(timeline: timeline, buckets: buckets, ranks: volume.ranks, shards: volume.shards(of: 0))
    model.factorBytes = volume.factorBytes.mapValues { $0 * (volume.ranks - 1) }
    model.reportBytes = volume.reportBytes
    model.prefetches = phase.hasFrozenPart
    model.bandwidth = bandwidth
    model.latency = latency
    model.messageSeconds = link.messageSeconds
    return model
  }

  /// Returns a bucket's seconds on other ranks: an update scales with the slice, a sum over own shards with their
  /// number, a sum over all shards with the slice. Where the exchange differs there, multiply-adds are taken to be as
  /// fast as here.
  private func seconds(_ place: Int, _ there: CommunicationVolume) -> BucketSeconds {
    let (here, now) = (volume.plan.buckets[place], there.plan.buckets[place])
    let measured = buckets[place]
    func slice(_ bucket: BucketPlan.Bucket) -> Double { Double(bucket.slices.map(\.count).max() ?? 0) }
    let slices = slice(now) / max(slice(here), 1)
    guard let exchangeHere = here.exchange, let exchangeThere = now.exchange else {
      return BucketSeconds(update: measured.update * slices)
    }
    let floats = Double(here.range.count)
    let shards = Double(volume.tree.shards)
    func foreign(_ volume: CommunicationVolume) -> Double { shards - Double(volume.shards(of: 0)) }
    let unpack = foreign(volume) > 0 ? measured.unpack * foreign(there) / foreign(volume) : 0
    switch (exchangeHere, exchangeThere) {
    case (.sums, .sums):
      let own = Double(there.shards(of: 0)) / Double(volume.shards(of: 0))
      return BucketSeconds(sum: measured.sum * own, update: measured.update * slices)
    case (.sums, _):
      let perProduct = measured.sum / (floats * Double(volume.shards(of: 0)))
      return BucketSeconds(update: perProduct * slice(now) * shards + measured.update * slices)
    case (_, .sums):
      let perProduct = measured.update / (slice(here) * shards)
      return BucketSeconds(sum: perProduct * floats * Double(there.shards(of: 0)), update: updateSeconds * slice(now))
    default:
      return BucketSeconds(unpack: unpack, update: measured.update * slices)
    }
  }

  /// The seconds to add and update one float, from the stored gradients.
  private var updateSeconds: Double {
    let stored = volume.plan.buckets.indices.filter { volume.plan.buckets[$0].exchange == nil }
    let floats = stored.reduce(0) { $0 + (volume.plan.buckets[$1].slices.map(\.count).max() ?? 0) }
    return stored.reduce(0) { $0 + buckets[$1].update } / Double(max(floats, 1))
  }
}
