// Vectors of sixteen floats: the channels of one block at one pixel, or 16 neighbours in a plane.
//
// Loads and stores need no alignment; on aligned addresses they cost the same.

/// Sixteen floats. `addingProduct` is always fused.
package typealias Lanes = SIMD16<Float>

extension UnsafePointer<Float> {
  /// Returns the 16 floats from `index` on.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }

  /// Returns the first `count` floats, at most 16, followed by zeros.
  @inline(__always) func lanes(count: Int) -> Lanes {
    if count == 16 { return lanes(at: 0) }
    var result = Lanes()
    for lane in 0..<count { result[lane] = self[lane] }
    return result
  }
}

extension UnsafeMutablePointer<Float> {
  /// Returns the 16 floats from `index` on.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }

  @inline(__always) func setLanes(_ value: Lanes, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: value, as: Lanes.self)
  }

  /// Stores the first `count` lanes.
  @inline(__always) func setLanes(_ value: Lanes, count: Int) {
    if count == 16 { return setLanes(value, at: 0) }
    for lane in 0..<count { self[lane] = value[lane] }
  }
}

// Conversions are plain loops over the lanes, which compile to one instruction. In Swift 6.3 the generic SIMD
// conversions and the comparisons of integer vectors remain calls, so small integers are compared as floats.
extension UnsafePointer<UInt8> {
  /// Returns 16 bytes as floats.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    let bytes = self + index
    var result = Lanes()
    for lane in 0..<16 { result[lane] = Float(bytes[lane]) }
    return result
  }

  /// Returns the first `count` bytes, at most 16, as floats, followed by `padding`.
  @inline(__always) func lanes(count: Int, padding: Float) -> Lanes {
    if count == 16 { return lanes(at: 0) }
    var result = Lanes(repeating: padding)
    for lane in 0..<count { result[lane] = Float(self[lane]) }
    return result
  }
}

extension UnsafeMutablePointer<UInt8> {
  /// Stores 16 floats, which must be integers in 0...255, as bytes.
  @inline(__always) func setLanes(_ value: Lanes, at index: Int) {
    let bytes = self + index
    for lane in 0..<16 { bytes[lane] = UInt8(truncatingIfNeeded: Int32(value[lane])) }
  }
}

extension Lanes {
  /// The sum of the lanes, as a tree of halves in the same order on every processor.
  @inline(__always) var total: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// max(0, lane) for each lane. NaN is kept, so that it shows in the loss.
  @inline(__always) var rectified: Lanes { replacing(with: 0, where: self .<= 0) }

  /// Returns the lanes where `output` is above 0, and zero elsewhere: the gradient through a rectification.
  @inline(__always) func masked(byPositive output: Lanes) -> Lanes {
    Lanes().replacing(with: self, where: output .> 0)
  }

  @inline(__always) var doubles: SIMD16<Double> {
    var result = SIMD16<Double>()
    for lane in 0..<16 { result[lane] = Double(self[lane]) }
    return result
  }
}

/// Returns the sum of `term(i)` over 0..<count as four partial sums, one for each i modulo 4, which are added in pairs.
///
/// The order depends on `count` alone. Four chains hide the latency of an addition and shorten the chain of roundings.
/// The partial sums rotate instead of being unrolled, because a closure that is called at one place is inlined.
@inline(__always) func laneSum(_ count: Int, _ term: (Int) -> Lanes) -> Lanes {
  var (sum0, sum1, sum2, sum3) = (Lanes(), Lanes(), Lanes(), Lanes())
  for i in 0..<count {
    let sum = sum0 + term(i)
    (sum0, sum1, sum2, sum3) = (sum1, sum2, sum3, sum)
  }
  return (sum0 + sum1) + (sum2 + sum3)
}

/// Returns two sums over the same range, each in the order of `laneSum`.
@inline(__always) func laneSums(_ count: Int, _ terms: (Int) -> (Lanes, Lanes)) -> (Lanes, Lanes) {
  var (a0, a1, a2, a3) = (Lanes(), Lanes(), Lanes(), Lanes())
  var (b0, b1, b2, b3) = (Lanes(), Lanes(), Lanes(), Lanes())
  for i in 0..<count {
    let (a, b) = terms(i)
    (a0, a1, a2, a3) = (a1, a2, a3, a0 + a)
    (b0, b1, b2, b3) = (b1, b2, b3, b0 + b)
  }
  return ((a0 + a1) + (a2 + a3), (b0 + b1) + (b2 + b3))
}
