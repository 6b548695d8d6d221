// The communication part of `--dry-run` under mpirun: the bytes that each rank sends in an iteration, and the exchange
// of each large gradient with the seconds that this cluster's links and cores need for it.
import Cluster
import Compute
import Foundation
import Models
import Support

struct CommunicationEstimate {
  /// Lines of text; empty for one rank.
  let lines: [String]

  init(_ configuration: Configuration, ranks: Int, speed: ClusterSpeed) {
    guard ranks > 1 else {
      lines = []
      return
    }
    var lines = [
      String(
        format: "communication: links between neighbouring ranks carry %.0f MB/s each way; "
          + "a rank computes %.1f thousand million multiply-adds/s from factors",
        speed.bandwidth / 1e6, speed.multiplyAddRate / 1e9)
    ]
    for phase in configuration.phases {
      let volume = CommunicationVolume(phase, configuration, ranks: ranks, speed: speed)
      let stored = (0..<ranks).map(volume.storedBytes).max() ?? 0
      let sum = stored + volume.choice.matrices.reduce(0) { $0 + $1.bytes[$1.exchange]! }
      lines.append(
        "\(phase.name): \(volume.plan.buckets.count) buckets; the busiest rank sends \(Self.megabytes(sum)) MB an "
          + "iteration, \(Self.megabytes(stored)) MB of them for small layers; the others by gradient exchange, "
          + "in MB and seconds (sent + computed):")
      var rows = [["layer"] + GradientExchange.allCases.map(\.rawValue) + ["chosen"]]
      for matrix in volume.choice.matrices {
        let cells = GradientExchange.allCases.map { exchange in
          let (sending, computing) = matrix.seconds(exchange, speed)
          return String(format: "%.1f MB %.3f + %.3f s", Double(matrix.bytes[exchange]!) / 1e6, sending, computing)
        }
        let layer = volume.plan.table.parameters[matrix.parameter].layer
        rows.append([layer] + cells + [matrix.exchange.rawValue])
      }
      lines += TextTable.lines(rows, columns: [.left], indent: 2)
    }
    self.lines = lines
  }

  private static func megabytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }
}
