// The types of configuration values: range checks and comparison of values written as text.

/// A key's type and the values it accepts.
package enum ConfigurationKind: Sendable {
  case text
  case choice([String])
  case integer(ClosedRange<Int>)
  /// An integer that is also a multiple of the second value.
  case multiple(ClosedRange<Int>, of: Int)
  case number(ClosedRange<Double>)
  case flag

  /// The accepted values, in words.
  package var range: String {
    switch self {
    case .text: "text"
    case .choice(let names): names.joined(separator: " | ")
    case .integer(let range):
      range.upperBound == .max
        ? "an integer of at least \(range.lowerBound)" : "an integer \(range.lowerBound)...\(range.upperBound)"
    case .multiple(let range, let step): "a multiple of \(step), \(range.lowerBound)...\(range.upperBound)"
    case .number(let range):
      range.upperBound.isInfinite
        ? "a number of at least \(range.lowerBound)" : "a number \(range.lowerBound)...\(range.upperBound)"
    case .flag: "true | false"
    }
  }

  /// Tests whether a value, written as text, has this type and lies in its range.
  package func accepts(_ value: String) -> Bool {
    switch self {
    case .text: true
    case .choice(let names): names.contains(value)
    case .integer(let range): Int(value).map(range.contains) ?? false
    case .multiple(let range, let step): Int(value).map { range.contains($0) && $0 % step == 0 } ?? false
    case .number(let range): Double(value).map { $0.isFinite && range.contains($0) } ?? false
    case .flag: value == "true" || value == "false"
    }
  }

  /// Tests whether two accepted values are equal however they are written: 0.1 equals 1e-1. Integers are not compared
  /// as Double, which would merge neighbouring large seeds.
  package func equal(_ a: String, _ b: String) -> Bool {
    switch self {
    case .text, .choice, .flag: a == b
    case .integer, .multiple: Int(a) == Int(b)
    case .number: Double(a) == Double(b)
    }
  }
}
