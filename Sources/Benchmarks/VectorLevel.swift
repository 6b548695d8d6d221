// The levels of vector instructions.

/// The widest vector instructions that a build or a processor has.
package enum VectorLevel: Int32, Sendable, Comparable {
  /// Not x86-64, so nothing is known.
  case other = -1
  case baseline = 0
  case avx2 = 1
  case avx512 = 2

  init(_ level: Int32) { self = VectorLevel(rawValue: level) ?? .other }

  package var text: String {
    switch self {
    case .other: "not x86-64"
    case .baseline: "x86-64 without AVX2 and FMA"
    case .avx2: "AVX2 with FMA"
    case .avx512: "AVX-512"
    }
  }

  package static func < (a: VectorLevel, b: VectorLevel) -> Bool { a.rawValue < b.rawValue }
}
