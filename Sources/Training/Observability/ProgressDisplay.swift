// What a person sees of a running phase: one line that renews itself on a terminal, one line a step elsewhere.
import Foundation

package final class ProgressDisplay {
  private let isTerminal: Bool
  private let ranks: Int
  private var width = 0
  /// Recent seconds an iteration, for the time left.
  private var recent: [Double] = []

  package init(ranks: Int) {
    isTerminal = isatty(STDERR_FILENO) == 1
    self.ranks = ranks
  }

  /// - Parameter iterations: how many the phase has in all.
  package func show(_ metrics: IterationMetrics, of iterations: Int) {
    recent.append(metrics.seconds)
    if recent.count > 20 { recent.removeFirst() }
    let mean = recent.reduce(0, +) / Double(recent.count)
    let left = Self.duration(mean * Double(iterations - metrics.iteration))
    let line = String(
      format: "%@ %d/%d  loss %.4f  accuracy %.1f%%  rate %.3g  %.1f images/s  %@ left", metrics.phase,
      metrics.iteration, iterations, metrics.loss, 100 * metrics.accuracy, metrics.learningRate,
      metrics.examplesPerSecond, left)
    if isTerminal {
      let bar = Self.bar(Double(metrics.iteration) / Double(max(iterations, 1)))
      let text = "\(bar) \(line)"
      Self.write("\r" + text + String(repeating: " ", count: max(width - text.count, 0)))
      width = text.count
    } else {
      Self.write(line + "\n")
    }
  }

  /// A line that stays.
  package func say(_ text: String) {
    if isTerminal && width > 0 {
      Self.write("\r" + String(repeating: " ", count: width) + "\r")
      width = 0
    }
    Self.write(text + "\n")
  }

  /// Ends a renewing line.
  package func finish() {
    if isTerminal && width > 0 { Self.write("\n") }
    width = 0
    recent = []
  }

  private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  private static func bar(_ share: Double) -> String {
    let filled = Int((20 * min(max(share, 0), 1)).rounded())
    return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled) + "]"
  }

  /// 5 s, 3 min 20 s, 2 h 5 min.
  package static func duration(_ seconds: Double) -> String {
    let total = Int(max(seconds, 0).rounded())
    if total < 60 { return "\(total) s" }
    if total < 3600 { return "\(total / 60) min \(total % 60) s" }
    return "\(total / 3600) h \(total % 3600 / 60) min"
  }
}
