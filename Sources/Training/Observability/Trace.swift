// The timeline of all ranks for `--trace FILE`, in Chrome's trace format (chrome://tracing, Perfetto). Each rank is a
// process with a row for arithmetic and one for messages. All clocks start at zero when the ranks leave a common
// barrier.
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
  /// The finished transfers; the communication thread appends to them.
  private let transfers = Mutex<[Event]>([])

  /// The largest number of events that are kept; each takes about a hundred bytes in the file.
  private static let limit = 1_000_000

  /// Collective, so that all clocks start together. Without a path nothing is recorded.
  package init(path: String?, _ communicator: Communicator) throws {
    self.path = path
    self.communicator = communicator
    if path != nil { try communicator.barrier() }
    zero = MonotonicClock.now
    guard path != nil else { return }
    communicator.observe { [weak self] transfer in
      guard let self else { return }
      let event = Event(
        name: "\(transfer.kind)", start: transfer.started - zero, seconds: transfer.finished - transfer.started)
      transfers.withLock { if $0.count < Self.limit { $0.append(event) } }
    }
  }

  /// Runs `body` and records its duration.
  func record<Result>(_ name: @autoclosure () -> String, _ body: () throws -> Result) rethrows -> Result {
    guard path != nil, events.count < Self.limit else { return try body() }
    endStage()
    let start = MonotonicClock.now
    defer {
      endStage()
      events.append(Event(name: name(), start: start - zero, seconds: MonotonicClock.now - start))
    }
    return try body()
  }

  /// Ends the current stage and begins a layer's stage.
  func stage(_ stage: Stage) {
    guard path != nil, events.count < Self.limit else { return }
    endStage()
    open = (stage, MonotonicClock.now)
  }

  private func endStage() {
    guard let (stage, start) = open else { return }
    events.append(
      Event(name: "\(stage.layer) \(stage.pass.rawValue)", start: start - zero, seconds: MonotonicClock.now - start))
    open = nil
  }

  /// Gathers the events of all ranks and writes the file on rank 0. Collective.
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
          event.name, rank, event.start * 1e6, event.seconds * 1e6))
    }
    // Messages overlap, so they are asynchronous events: a begin event and an end event with the same number.
    for (number, event) in transfers.withLock({ $0 }).enumerated() {
      for (letter, time) in [("b", event.start), ("e", event.start + event.seconds)] {
        lines.append(
          String(
            format:
              "{\"name\":\"%@\",\"cat\":\"messages\",\"ph\":\"%@\",\"id\":\"%d.%d\",\"pid\":%d,\"tid\":1,\"ts\":%.1f}",
            event.name, letter, rank, number, rank, time * 1e6))
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
