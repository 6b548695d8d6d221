// Powers without libm where the published exponents allow it.
import Foundation

enum Powers {
  /// x^exponent for x >= 0. Multiples of a half up to 4 are products and square roots, the same on every machine.
  static func power(_ x: Float, _ exponent: Float) -> Float {
    let halves = exponent * 2
    guard halves >= 0, halves <= 8, halves == halves.rounded() else { return pow(x, exponent) }
    var result: Float = Int(halves) % 2 == 1 ? x.squareRoot() : 1
    for _ in 0..<Int(halves) / 2 { result *= x }
    return result
  }

  /// 2^x by the exponential's series, for |x| up to 60.
  static func two(to x: Double) -> Double {
    let whole = x.rounded()
    let y = (x - whole) * 0.6931471805599453
    var sum = 1.0
    for n in Swift.stride(from: 18, through: 1, by: -1) { sum = 1 + sum * y / Double(n) }
    return Double(sign: .plus, exponent: Int(whole), significand: sum)
  }
}
