// Sixteen floats at a time: the channels of one block at one pixel, or 16 neighbours of a plane.
// Loads and stores ask for no alignment; on aligned addresses they cost the same.

/// The 16 channels of one block at one pixel. `addingProduct` on it is always fused.
package typealias Lanes = SIMD16<Float>

extension UnsafePointer<Float> {
  /// The 16 floats from `index` on.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }

  /// The first `count` floats, at most 16, followed by zeros.
  @inline(__always) func lanes(count: Int) -> Lanes {
    if count == 16 { return lanes(at: 0) }
    var result = Lanes()
    for lane in 0..<count { result[lane] = self[lane] }
    return result
  }
}

extension UnsafeMutablePointer<Float> {
  /// The 16 floats from `index` on.
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

// Conversions go lane by lane in plain loops, which become one instruction; the generic SIMD conversions, and comparisons of
// integer vectors, stay calls in Swift 6.3. So small integers are compared as floats.
extension UnsafePointer<UInt8> {
  /// 16 bytes as floats.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    let bytes = self + index
    var result = Lanes()
    for lane in 0..<16 { result[lane] = Float(bytes[lane]) }
    return result
  }

  /// The first `count` bytes, at most 16, as floats, followed by `padding`.
  @inline(__always) func lanes(count: Int, padding: Float) -> Lanes {
    if count == 16 { return lanes(at: 0) }
    var result = Lanes(repeating: padding)
    for lane in 0..<count { result[lane] = Float(self[lane]) }
    return result
  }
}

extension UnsafeMutablePointer<UInt8> {
  /// 16 floats that are whole numbers in 0...255.
  @inline(__always) func setLanes(_ value: Lanes, at index: Int) {
    let bytes = self + index
    for lane in 0..<16 { bytes[lane] = UInt8(truncatingIfNeeded: Int32(value[lane])) }
  }
}

extension Lanes {
  /// The sum of the lanes as a tree of halves, in the same order on every processor.
  @inline(__always) var total: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// max(0, lane); a NaN stays one, so that it is seen and not hidden.
  @inline(__always) var rectified: Lanes { replacing(with: 0, where: self .<= 0) }

  /// Lanes where `output` is above 0, zero elsewhere: the gradient through a rectification.
  @inline(__always) func masked(byPositive output: Lanes) -> Lanes {
    Lanes().replacing(with: self, where: output .> 0)
  }

  @inline(__always) var doubles: SIMD16<Double> {
    var result = SIMD16<Double>()
    for lane in 0..<16 { result[lane] = Double(self[lane]) }
    return result
  }
}

/// Sum of `term(i)` over 0..<count in four partial sums, i modulo 4, which are then added in pairs.
///
/// The order depends on `count` alone. Four chains hide the latency of an addition and shorten the chain of roundings. The
/// partial sums change places instead of being unrolled: a closure that stands at one place is inlined.
@inline(__always) func laneSum(_ count: Int, _ term: (Int) -> Lanes) -> Lanes {
  var (sum0, sum1, sum2, sum3) = (Lanes(), Lanes(), Lanes(), Lanes())
  for i in 0..<count {
    let sum = sum0 + term(i)
    (sum0, sum1, sum2, sum3) = (sum1, sum2, sum3, sum)
  }
  return (sum0 + sum1) + (sum2 + sum3)
}

/// Two sums over the same range at once, each in the order of `laneSum`.
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
