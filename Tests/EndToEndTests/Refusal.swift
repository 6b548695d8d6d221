// Commands that have to fail: in good time, not with success, and with one complaint that says enough.
import Foundation
import Testing

/// A command that nobody should be able to run.
struct Refusal {
  let name: String
  /// What its one complaint has to hold: the value that is wrong, and what to do.
  let words: [String]
  let start: () throws -> Job
  /// What to look at when it has ended.
  var afterwards: () throws -> Void = {}

  /// Runs commands, eight at a time: what takes long about a failure is mpirun's patience with the other ranks.
  static func expect(_ refusals: [Refusal], _ place: SourceLocation = #_sourceLocation) throws {
    for first in stride(from: 0, to: refusals.count, by: 8) {
      let some = refusals[first..<min(first + 8, refusals.count)]
      let jobs = try some.map { try $0.start() }
      for (refusal, job) in zip(some, jobs) {
        let outcome = job.wait(limit: 40, place)
        #expect(
          outcome.status != 0 && outcome.status != 75, "\(refusal.name): \(outcome.output)", sourceLocation: place)
        #expect(outcome.complaints.count == 1, "\(refusal.name): \(outcome.output)", sourceLocation: place)
        // A message may have several lines.
        for word in refusal.words {
          #expect(outcome.output.contains(word), "\(refusal.name) does not say \(word)", sourceLocation: place)
        }
        try refusal.afterwards()
      }
    }
  }
}
