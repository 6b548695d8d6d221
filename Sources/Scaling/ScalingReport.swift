// The results of `dnet bench --scaling`, as JSON with snake_case keys and as tables.
import Cluster
import Foundation
import Support
import Training

package struct ScalingReport: Encodable, Sendable {
  /// One rank's medians over the iterations.
  package struct RankFigures: Encodable, Sendable {
    package var compute: Double
    package var data: Double
    /// Seconds waiting for messages, those of slower ranks included.
    package var wait: Double
    package var transfer: Double
    /// Payload bytes of an iteration, counted.
    package var bytesSent: Int
    package var bytesByFormula: Int
    package var momentumBytes: Int
    package var peakMemoryBytes: Int
  }

  package struct Predicted: Encodable, Sendable {
    package var nodes: Int
    package var gigabits: Double
    package var seconds: Double
    package var imagesPerSecond: Double
    /// Relative to one node with the same minibatch.
    package var efficiency: Double
    package var exposedSeconds: Double
    package var transferSeconds: Double
  }

  package struct PhaseFigures: Encodable, Sendable {
    package var phase: String
    package var imagesPerSecond: Double
    /// Seconds of an iteration: the median.
    package var seconds: Double
    package var meanSeconds: Double
    package var allSeconds: [Double]
    package var ranks: [RankFigures]
    package var bytesSent: Int
    package var bytesByFormula: Int
    /// The waiting time of the rank that waited least, so without waiting for slower ranks.
    package var exposedSeconds: Double
    /// The busiest rank's bytes divided by the link's bandwidth.
    package var transferSeconds: Double
    /// The share of the transfer time that is hidden behind computation; nil for one rank.
    package var hiddenShare: Double?
    /// Seconds of the backward passes of all of a rank's shards.
    package var backwardSeconds: Double
    package var forwardSeconds: Double
    package var featuresSeconds: Double
    /// The model's prediction for this layout, to be compared with `meanSeconds`.
    package var predictedSeconds: Double
    package var predictedExposedSeconds: Double
    package var predictions: [Predicted]
  }

  package var ranks: Int
  package var nodes: Int
  package var threads: Int
  package var shards: Int
  package var shardSize: Int
  package var width: Double
  package var size: Int
  package var bucketMegabytes: Double
  /// nil for one rank.
  package var link: LinkFigures?
  package var phases: [PhaseFigures] = []

  init(_ configuration: Configuration, _ communicator: Communicator, threads: Int, link: LinkFigures) {
    ranks = communicator.size
    nodes = communicator.size / max(communicator.ranksOnThisNode, 1)
    self.threads = threads
    shards = configuration.shards
    shardSize = configuration.shardSize
    width = configuration.shape.width
    size = configuration.shape.inputSize
    bucketMegabytes = Double(4 * configuration.bucketFloats) / 1_048_576
    self.link = communicator.size > 1 ? link : nil
  }

  package func json() throws -> Data { try JSONText.encode(self) }
}

extension ScalingReport.PhaseFigures {
  init(
    _ profile: ScalingProfile, _ options: ScalingOptions, seconds all: [Double], times: [[RankTimes]],
    bytesSent sent: [Int], peakMemory: [Int]
  ) {
    let configuration = options.configuration
    let (volume, link, timeline) = (profile.volume, profile.link, profile.timeline)
    let images = Double(configuration.shards * configuration.shardSize)
    let median = Averages.median
    phase = profile.phase.name
    seconds = median(all)
    meanSeconds = all.reduce(0, +) / Double(all.count)
    imagesPerSecond = images / seconds
    allSeconds = all
    ranks = sent.indices.map { rank in
      ScalingReport.RankFigures(
        compute: median(times.map { $0[rank].compute }), data: median(times.map { $0[rank].data }),
        wait: median(times.map { $0[rank].wait }), transfer: median(times.map { $0[rank].transfer }),
        bytesSent: sent[rank],
        bytesByFormula: volume.sent(by: rank), momentumBytes: volume.momentumBytes(of: rank),
        peakMemoryBytes: peakMemory[rank])
    }
    bytesSent = sent.max()!
    bytesByFormula = volume.sent(by: volume.busiest)
    exposedSeconds = sent.count > 1 ? median(times.map { $0.map(\.wait).min()! }) : 0
    transferSeconds = sent.count > 1 ? Double(bytesSent) / link.bandwidth : 0
    hiddenShare = sent.count > 1 ? 1 - exposedSeconds / transferSeconds : nil
    let own = Double(volume.shards(of: 0))
    backwardSeconds = own * IterationTimeline.seconds(timeline.backward)
    forwardSeconds =
      IterationTimeline.seconds(timeline.firstForward) + (own - 1) * IterationTimeline.seconds(timeline.forward)
    featuresSeconds = own * IterationTimeline.seconds(timeline.frozenForward)
    let here = profile.model(volume, bandwidth: link.bandwidth, latency: link.latency).predict()
    predictedSeconds = here.seconds
    predictedExposedSeconds = here.exposed
    var predictions: [ScalingReport.Predicted] = []
    let alone = profile.model(
      CommunicationVolume(profile.phase, configuration, ranks: 1, speed: nil), bandwidth: .infinity, latency: 0
    ).predict()
    for count in options.nodes where count <= configuration.shards {
      for rate in count == 1 ? Array(options.gigabits.prefix(1)) : options.gigabits {
        let bandwidth = LinkFigures.payload(gigabits: rate)
        let there = CommunicationVolume(
          profile.phase, configuration, ranks: count,
          speed: profile.multiplyAddRate.map { ClusterSpeed(bandwidth: bandwidth, multiplyAddRate: $0) })
        let result = profile.model(there, bandwidth: bandwidth, latency: max(link.latency, 20e-6)).predict()
        predictions.append(
          ScalingReport.Predicted(
            nodes: count, gigabits: rate, seconds: result.seconds, imagesPerSecond: images / result.seconds,
            efficiency: alone.seconds / result.seconds / Double(count), exposedSeconds: result.exposed,
            transferSeconds: result.transfer))
      }
    }
    self.predictions = predictions
  }
}

extension ScalingReport {
  package var text: String {
    var lines = [
      String(
        format: "%d ranks of %d threads on %d hosts; width %g, %d x %d, %d shards of %d, buckets of %g MiB", ranks,
        threads, nodes,
        width, size, size, shards, shardSize, bucketMegabytes)
    ]
    if let link {
      lines.append(
        String(
          format:
            "links carry %.1f MB/s of payload each way; a short message takes %.0f us, a byte %.2f ns of a busy core",
          link.bandwidth / 1e6, link.latency * 1e6, link.messageSeconds * 1e9))
    }
    return (lines + phases.flatMap(\.lines)).joined(separator: "\n") + "\n"
  }
}

extension ScalingReport.PhaseFigures {
  fileprivate var lines: [String] {
    var lines = [
      "",
      String(
        format:
          "%@: %.2f images/s, %.4f s per iteration (%.4f...%.4f); "
          + "a rank's passes: frozen forward %.4f, forward %.4f, backward %.4f s",
        phase,
        imagesPerSecond, seconds, allSeconds.min()!, allSeconds.max()!, featuresSeconds, forwardSeconds, backwardSeconds
      ),
    ]
    func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
    let heading = [
      "rank", "compute", "data", "wait", "transfer", "MB sent", "by formula", "momentum MB", "peak memory MiB",
    ]
    let rows = ranks.enumerated().map { rank, figures in
      ["\(rank)"] + [figures.compute, figures.data, figures.wait, figures.transfer].map { fixed($0, 4) }
        + [figures.bytesSent, figures.bytesByFormula].map { fixed(Double($0) / 1e6, 3) }
        + [fixed(Double(figures.momentumBytes) / 1e6, 2), "\(figures.peakMemoryBytes >> 20)"]
    }
    lines += TextTable.lines([heading] + rows, columns: [.right], indent: 2)
    if let hiddenShare {
      lines.append(
        String(
          format: "  messages: %.4f s at the link's bandwidth, %.4f s of waiting exposed, %.0f %% hidden",
          transferSeconds,
          exposedSeconds, 100 * hiddenShare))
    }
    lines.append(
      String(
        format: "  model: %.4f s per iteration (measured mean %.4f, %+.1f %%), %.4f s exposed",
        predictedSeconds, meanSeconds,
        100 * (predictedSeconds / meanSeconds - 1), predictedExposedSeconds))
    guard !predictions.isEmpty else { return lines }
    let predicted = predictions.map { row in
      ["\(row.nodes)", row.nodes == 1 ? "-" : String(format: "%g", row.gigabits), fixed(row.seconds, 4)]
        + [row.imagesPerSecond, row.efficiency].map { fixed($0, 2) }
        + [row.exposedSeconds, row.transferSeconds].map { fixed($0, 4) }
    }
    let columns = ["nodes", "Gbit/s", "s/iteration", "images/s", "efficiency", "exposed s", "transfer s"]
    return lines + ["  predicted:"] + TextTable.lines([columns] + predicted, columns: [.right], indent: 4)
  }
}
