// The figures of `dnet bench --scaling`, as JSON with snake_case keys and as tables.
import Cluster
import Foundation
import Support

package struct ScalingReport: Encodable, Sendable {
  /// Medians over the iterations.
  package struct RankFigures: Encodable, Sendable {
    package var compute: Double
    package var data: Double
    /// For messages, those of slower ranks too.
    package var wait: Double
    package var transfer: Double
    /// Payload of an iteration, counted.
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
    /// Against one node of the same minibatch.
    package var efficiency: Double
    package var exposedSeconds: Double
    package var transferSeconds: Double
  }

  package struct PhaseFigures: Encodable, Sendable {
    package var phase: String
    package var imagesPerSecond: Double
    /// Of an iteration: median, mean and all.
    package var seconds: Double
    package var meanSeconds: Double
    package var allSeconds: [Double]
    package var ranks: [RankFigures]
    package var bytesSent: Int
    package var bytesByFormula: Int
    /// Waiting for messages of the rank that waited least, so not for slower ranks.
    package var exposedSeconds: Double
    /// The busiest rank's bytes over the link's bandwidth.
    package var transferSeconds: Double
    /// 1 where no transfer shows; nil for one rank.
    package var hiddenShare: Double?
    /// The backward passes of a rank's shards.
    package var backwardSeconds: Double
    package var forwardSeconds: Double
    package var featuresSeconds: Double
    /// This layout by the model, to be held against `meanSeconds`.
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
    (ranks, nodes) = (communicator.size, communicator.size / max(communicator.ranksOnThisNode, 1))
    (self.threads, shards, shardSize) = (threads, configuration.shards, configuration.shardSize)
    (width, size) = (configuration.shape.width, configuration.shape.inputSize)
    bucketMegabytes = Double(4 * configuration.bucketFloats) / 1_048_576
    self.link = communicator.size > 1 ? link : nil
  }

  package func json() throws -> Data { try JSONText.encode(self) }
}

extension ScalingReport.PhaseFigures {
  init(
    _ profile: ScalingProfile, _ configuration: Configuration, seconds all: [Double], times: [[RankTimes]],
    bytesSent sent: [Int],
    peakMemory: [Int], nodes: [Int], gigabits: [Double]
  ) {
    let (traffic, link, script) = (profile.traffic, profile.link, profile.script)
    let images = Double(configuration.shards * configuration.shardSize)
    let median = TimelineRecorder.median
    phase = profile.phase.rawValue
    seconds = median(all)
    meanSeconds = all.reduce(0, +) / Double(all.count)
    imagesPerSecond = images / seconds
    allSeconds = all
    ranks = sent.indices.map { rank in
      ScalingReport.RankFigures(
        compute: median(times.map { $0[rank].compute }), data: median(times.map { $0[rank].data }),
        wait: median(times.map { $0[rank].wait }), transfer: median(times.map { $0[rank].transfer }),
        bytesSent: sent[rank],
        bytesByFormula: traffic.sent(by: rank), momentumBytes: traffic.momentumBytes(of: rank),
        peakMemoryBytes: peakMemory[rank])
    }
    bytesSent = sent.max()!
    bytesByFormula = traffic.sent(by: traffic.busiest)
    exposedSeconds = sent.count > 1 ? median(times.map { $0.map(\.wait).min()! }) : 0
    transferSeconds = sent.count > 1 ? Double(bytesSent) / link.bandwidth : 0
    hiddenShare = sent.count > 1 ? 1 - exposedSeconds / transferSeconds : nil
    let own = Double(traffic.shards(of: 0))
    backwardSeconds = own * IterationTimeline.seconds(script.backward)
    forwardSeconds = IterationTimeline.seconds(script.firstForward) + (own - 1) * IterationTimeline.seconds(script.forward)
    featuresSeconds = own * IterationTimeline.seconds(script.features)
    let here = profile.model(traffic, bandwidth: link.bandwidth, latency: link.latency).predict()
    (predictedSeconds, predictedExposedSeconds) = (here.seconds, here.exposed)
    var predictions: [ScalingReport.Predicted] = []
    let alone = profile.model(
      CommunicationVolume(profile.phase, configuration, ranks: 1, speed: nil), bandwidth: .infinity, latency: 0
    ).predict()
    for count in nodes where count <= configuration.shards {
      for rate in count == 1 ? Array(gigabits.prefix(1)) : gigabits {
        let bandwidth = LinkFigures.payload(gigabits: rate)
        let there = CommunicationVolume(
          profile.phase, configuration, ranks: count,
          speed: profile.products.map { FactorChoice.Speed(bandwidth: bandwidth, products: $0) })
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
            "links carry %.1f MB/s of payload each way, a short message takes %.0f us, a byte %.2f ns of a busy core",
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
          "%@: %.2f images/s, %.4f s an iteration (%.4f...%.4f); a rank's passes: features %.4f, forward %.4f, backward %.4f s",
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
          format: "  messages: %.4f s at the link's bandwidth, %.4f s of waiting exposed: %.0f %% hidden",
          transferSeconds,
          exposedSeconds, 100 * hiddenShare))
    }
    lines.append(
      String(
        format: "  the model says %.4f s an iteration (mean of those measured %.4f, %+.1f %%), %.4f s exposed",
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
