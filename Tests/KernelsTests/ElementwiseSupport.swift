// Support for the tests of passes over maps: repeatable values, tasks in an awkward order, and measures of error.
import Kernels

/// Repeatable random values (SplitMix64).
struct Draws {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func uniform(_ range: ClosedRange<Double> = -1...1) -> Float {
    Float(range.lowerBound + (range.upperBound - range.lowerBound) * Double(next() >> 11) / Double(1 << 53))
  }

  mutating func floats(_ count: Int, _ range: ClosedRange<Double> = -1...1) -> [Float] {
    (0..<count).map { _ in uniform(range) }
  }
}

/// The shape N x C x H x W of maps.
struct Shape: CustomStringConvertible, Sendable {
  let n: Int
  let c: Int
  let h: Int
  let w: Int

  var count: Int { n * c * h * w }
  var description: String { "\(n)x\(c)x\(h)x\(w)" }

  func maps(_ blocked: [Float]) -> NaiveMaps {
    NaiveMaps(images: n, channels: c, height: h, width: w, blocked: blocked)
  }
}

/// Runs odd tasks from the last down, then even ones. The result must not depend on the order.
func inOddOrder(_ tasks: Int, _ body: (Int) -> Void) {
  for task in stride(from: tasks - 1, through: 0, by: -1) where task % 2 == 1 { body(task) }
  for task in stride(from: 0, to: tasks, by: 2) { body(task) }
}

func nans(_ count: Int) -> [Float] { Array(repeating: .nan, count: count) }

/// Returns the largest difference over the largest true magnitude, or infinity if a value is missing or NaN.
func relativeError(_ values: [Float], _ truth: [Double]) -> Double {
  guard values.count == truth.count, values.allSatisfy(\.isFinite) else { return .infinity }
  let scale = truth.reduce(0) { max($0, abs($1)) }
  return zip(values, truth).reduce(0) { max($0, abs(Double($1.0) - $1.1)) } / max(scale, .leastNormalMagnitude)
}

func doubles(_ values: [Float]) -> [Double] { values.map(Double.init) }

/// Returns the derivative of `function` with respect to every value, by central differences.
func differences(_ values: [Double], step: Double = 1e-5, _ function: ([Double]) -> Double) -> [Double] {
  values.indices.map { i in
    var moved = values
    moved[i] = values[i] + step
    let above = function(moved)
    moved[i] = values[i] - step
    return (above - function(moved)) / (2 * step)
  }
}

/// Returns the largest difference, or infinity if a value is missing or NaN.
func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, a.allSatisfy(\.isFinite) else { return .infinity }
  return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Compares long arrays as a plain Bool, because a failed `#expect(a == b)` would print their difference for minutes.
func identical(_ a: [Float], _ b: [Float]) -> Bool { a == b }
