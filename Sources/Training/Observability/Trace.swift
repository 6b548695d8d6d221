// `--trace FILE`: what each rank did when, in Chrome's trace format (chrome://tracing, Perfetto). One process a rank, with a
// row for the arithmetic and one for the messages; all clocks are zero where the ranks left the same barrier.
import Cluster
import Compute
import Foundation
import Models
import Support
import Synchronization

package final class Trace {
  private struct Event {
    let name: String
    let start: Double
    let seconds: Double
  }

  private let path: String?
  private let communicator: Communicator
  private let zero: Double
  private var events: [Event] = []
  private var open: (stage: Stage, start: Double)?
  /// Written by the communication thread.
  private let flights = Mutex<[Event]>([])

  /// Events beyond this number are not kept: some hundred bytes each in the file.
  private static let limit = 1_000_000

  /// Collective, so that all clocks start together; without a path nothing is recorded.
  package init(path: String?, _ communicator: Communicator) throws {
    self.path = path
    self.communicator = communicator
    if path != nil { try communicator.barrier() }
    zero = Clock.now
    guard path != nil else { return }
    communicator.observe { [weak self] flight in
      guard let self else { return }
      let event = Event(name: "\(flight.kind)", start: flight.started - zero, seconds: flight.finished - flight.started)
      flights.withLock { if $0.count < Self.limit { $0.append(event) } }
    }
  }

  /// Runs `body` and records how long it took.
  func record<Result>(_ name: @autoclosure () -> String, _ body: () throws -> Result) rethrows -> Result {
    guard path != nil, events.count < Self.limit else { return try body() }
    endStage()
    let start = Clock.now
    defer {
      endStage()
      events.append(Event(name: name(), start: start - zero, seconds: Clock.now - start))
    }
    return try body()
  }

  /// A layer's stage begins, and with it the one before ends.
  func stage(_ stage: Stage) {
    guard path != nil, events.count < Self.limit else { return }
    endStage()
    open = (stage, Clock.now)
  }

  private func endStage() {
    guard let (stage, start) = open else { return }
    events.append(Event(name: "\(stage.layer) \(stage.pass.rawValue)", start: start - zero, seconds: Clock.now - start))
    open = nil
  }

  /// Gathers all ranks' events and writes the file on rank 0. Collective.
  package func write() throws {
    guard let path else { return }
    endStage()
    communicator.observe(nil)
    let rank = communicator.rank
    func named(_ what: String, _ thread: Int, _ name: String) -> String {
      "{\"name\":\"\(what)\",\"ph\":\"M\",\"pid\":\(rank),\"tid\":\(thread),\"args\":{\"name\":\"\(name)\"}}"
    }
    var lines = [
      named("process_name", 0, "rank \(rank) on \(communicator.nodeName)"), named("thread_name", 0, "arithmetic"),
      named("thread_name", 1, "messages"),
    ]
    for event in events {
      lines.append(
        String(
          format: "{\"name\":\"%@\",\"cat\":\"arithmetic\",\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%.1f,\"dur\":%.1f}",
          event.name,
          rank, event.start * 1e6, event.seconds * 1e6))
    }
    // Messages overlap, so they are asynchronous events: a beginning and an end of the same number.
    for (number, event) in flights.withLock({ $0 }).enumerated() {
      for (letter, time) in [("b", event.start), ("e", event.start + event.seconds)] {
        lines.append(
          String(
            format:
              "{\"name\":\"%@\",\"cat\":\"messages\",\"ph\":\"%@\",\"id\":\"%d.%d\",\"pid\":%d,\"tid\":1,\"ts\":%.1f}",
            event.name,
            letter, rank, number, rank, time * 1e6))
      }
    }
    let all = try communicator.gather(Array(lines.joined(separator: ",\n").utf8))
    try communicator.rethrowOnAllRanks {
      guard let all else { return }
      let text = "[\n" + all.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",\n") + "\n]\n"
      do throws(FileError) { try AtomicFile.write(text, to: path) } catch {
        throw RunError.cannotWrite(path: path, reason: error.reason)
      }
    }
  }
}
