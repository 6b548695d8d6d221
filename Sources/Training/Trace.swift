// `--trace FILE`: what each rank did when, in Chrome's trace format (chrome://tracing, Perfetto). One process a rank,
// its clock set to zero where all ranks left the same barrier.
import Cluster
import Foundation

final class Trace {
  private struct Event {
    let name: String
    let start: Double
    let seconds: Double
  }

  private let path: String?
  private let communicator: Communicator
  private let zero: Double
  private var events: [Event] = []

  /// Events beyond this number are not kept: some hundred bytes each in the file.
  private static let limit = 1_000_000

  /// Collective, so that all clocks start together; without a path nothing is recorded.
  init(path: String?, _ communicator: Communicator) throws {
    self.path = path
    self.communicator = communicator
    if path != nil { try communicator.barrier() }
    zero = Clock.now
  }

  /// Runs `body` and records how long it took.
  func record<Result>(_ name: @autoclosure () -> String, _ body: () throws -> Result) rethrows -> Result {
    guard path != nil, events.count < Self.limit else { return try body() }
    let start = Clock.now
    defer { events.append(Event(name: name(), start: start - zero, seconds: Clock.now - start)) }
    return try body()
  }

  /// Gathers all ranks' events and writes the file on rank 0. Collective.
  func write() throws {
    guard let path else { return }
    var lines = [
      "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":\(communicator.rank),"
        + "\"args\":{\"name\":\"rank \(communicator.rank) on \(communicator.nodeName)\"}}"
    ]
    for event in events {
      lines.append(
        String(
          format: "{\"name\":\"%@\",\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%.1f,\"dur\":%.1f}", event.name,
          communicator.rank, event.start * 1e6, event.seconds * 1e6))
    }
    let all = try communicator.gather(Array(lines.joined(separator: ",\n").utf8))
    try communicator.together {
      guard let all else { return }
      let text = "[\n" + all.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",\n") + "\n]\n"
      do {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
      } catch {
        throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
      }
    }
  }
}
