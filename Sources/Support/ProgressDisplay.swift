// The progress line of long work: one line that renews itself on a terminal, next to nothing in the log of a batch job.
import Foundation
import Synchronization

package final class ProgressDisplay: Sendable {
  private struct State {
    /// The characters of the renewing line; 0 where none is shown.
    var width = 0
    /// The last call with counts, for the rate.
    var last: (done: Int, time: Double)?
    /// Recent seconds per unit of work.
    var recent: [Double] = []
    /// The time of the last line that was written to something other than a terminal.
    var written: Double?
  }

  private let output: FileHandle
  private let isTerminal: Bool
  private let logInterval: Double?
  private let state = Mutex(State())

  /// - Parameter logInterval: the least number of seconds between two progress lines where `output` is not a terminal;
  ///   nil for no such lines at all.
  package init(_ output: FileHandle = .standardError, logInterval: Double? = nil) {
    self.output = output
    self.logInterval = logInterval
    isTerminal = isatty(output.fileDescriptor) == 1
  }

  /// Replaces the progress line.
  package func show(_ text: String) { state.withLock { renew(&$0, by: text, log: text) } }

  /// Replaces the progress line by a bar, the text, and an estimate of the time left from the last 20 calls.
  package func show(_ text: String, done: Int, of all: Int) {
    let now = MonotonicClock.now
    state.withLock { state in
      if let last = state.last, done > last.done {
        state.recent = state.recent.suffix(19) + [(now - last.time) / Double(done - last.done)]
      }
      state.last = (done, now)
      var line = text
      if !state.recent.isEmpty, done < all {
        let mean = state.recent.reduce(0, +) / Double(state.recent.count)
        line += "  \(Self.duration(mean * Double(all - done))) left"
      }
      renew(&state, by: "\(Self.bar(Double(done) / Double(max(all, 1)))) \(line)", log: line)
    }
  }

  /// Writes a line that stays.
  package func say(_ text: String) {
    state.withLock { state in
      if state.width > 0 { write("\r" + String(repeating: " ", count: state.width) + "\r") }
      state.width = 0
      write(text + "\n")
    }
  }

  /// Ends the progress line and resets the rate.
  package func finish() {
    state.withLock { state in
      if state.width > 0 { write("\n") }
      state = State()
    }
  }

  private func renew(_ state: inout State, by line: String, log: String) {
    if isTerminal {
      write("\r" + line + String(repeating: " ", count: max(state.width - line.count, 0)))
      state.width = line.count
    } else if let logInterval, MonotonicClock.now - (state.written ?? -.infinity) >= logInterval {
      state.written = MonotonicClock.now
      write(log + "\n")
    }
  }

  private func write(_ text: String) { output.write(Data(text.utf8)) }

  private static func bar(_ share: Double) -> String {
    let filled = Int((20 * min(max(share, 0), 1)).rounded())
    return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled) + "]"
  }

  /// Returns a duration such as `5 s`, `3 min 20 s` or `2 h 5 min`.
  package static func duration(_ seconds: Double) -> String {
    let total = Int(max(seconds, 0).rounded())
    if total < 60 { return "\(total) s" }
    if total < 3600 { return "\(total / 60) min \(total % 60) s" }
    return "\(total / 3600) h \(total % 3600 / 60) min"
  }
}
