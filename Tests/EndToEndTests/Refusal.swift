// An expected failure of a command: in time, with an error status, and with one message that names value and remedy.
import Foundation
import Testing

/// A command that must be refused.
struct Refusal {
  let name: String
  /// Words that its one message must contain: the wrong value, and the next step.
  let words: [String]
  let start: () throws -> Job
  /// A check after its end.
  var afterwards: () throws -> Void = {}

  /// Runs the commands, eight at a time, since a failing job spends most of its time in mpirun waiting for other ranks.
  static func expect(_ refusals: [Refusal], _ place: SourceLocation = #_sourceLocation) throws {
    for first in stride(from: 0, to: refusals.count, by: 8) {
      let some = refusals[first..<min(first + 8, refusals.count)]
      let jobs = try some.map { try $0.start() }
      for (refusal, job) in zip(some, jobs) {
        let outcome = job.wait(limit: 40, place)
        #expect(
          outcome.status != 0 && outcome.status != 75, "\(refusal.name): \(outcome.output)", sourceLocation: place)
        #expect(outcome.complaints.count == 1, "\(refusal.name): \(outcome.output)", sourceLocation: place)
        // A message can have several lines.
        for word in refusal.words {
          #expect(outcome.output.contains(word), "\(refusal.name) does not say \(word)", sourceLocation: place)
        }
        try refusal.afterwards()
      }
    }
  }
}
