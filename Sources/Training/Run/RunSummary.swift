// RUN/summary.json: how a run went, in a few figures.
import Foundation

package struct RunSummary: Codable, Sendable {
  package var name: String
  package var ranks: Int
  /// Of each rank.
  package var threads: Int
  package var seconds: Double
  package var secondsPerPhase: [String: Double]
  package var weightsDigest: String
  package var exitReason: String

  enum CodingKeys: String, CodingKey {
    case name, ranks, threads, seconds
    case secondsPerPhase = "seconds_per_phase"
    case weightsDigest = "weights_digest"
    case exitReason = "exit_reason"
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
  }
}

package enum Version {
  package static let text = "0.1.0"
}
