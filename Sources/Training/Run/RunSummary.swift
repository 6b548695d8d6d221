// RUN/summary.json: the result of a run in a few figures.
import Foundation
import Support

package struct RunSummary: Codable, Sendable {
  package var name: String
  package var ranks: Int
  /// The threads of each rank.
  package var threads: Int
  package var seconds: Double
  package var secondsPerPhase: [String: Double]
  package var weightsDigest: String
  package var exitReason: String

  var json: String {
    get throws { String(decoding: try JSONText.encode(self), as: UTF8.self) }
  }
}
