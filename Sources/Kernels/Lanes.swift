// Sixteen floats at a time: the channels of one block at one pixel, or 16 neighbours of a plane.
// Loads and stores ask for no alignment; on aligned addresses they cost the same.

/// The 16 channels of one block at one pixel. `addingProduct` on it is always fused.
typealias Lanes = SIMD16<Float>

extension UnsafePointer<Float> {
  /// The 16 floats from `index` on.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
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
/// The order depends on `count` alone. Four chains hide the latency of an addition and shorten the chain of roundings.
@inline(__always) func laneSum(_ count: Int, _ term: (Int) -> Lanes) -> Lanes {
  var sum0 = Lanes()
  var sum1 = Lanes()
  var sum2 = Lanes()
  var sum3 = Lanes()
  var i = 0
  while i + 4 <= count {
    sum0 += term(i)
    sum1 += term(i + 1)
    sum2 += term(i + 2)
    sum3 += term(i + 3)
    i += 4
  }
  while i < count {
    sum0 += term(i)
    i += 1
  }
  return (sum0 + sum1) + (sum2 + sum3)
}

/// Two sums over the same range at once, each in the order of `laneSum`.
@inline(__always) func laneSums(_ count: Int, _ terms: (Int) -> (Lanes, Lanes)) -> (Lanes, Lanes) {
  var a0 = Lanes()
  var a1 = Lanes()
  var a2 = Lanes()
  var a3 = Lanes()
  var b0 = Lanes()
  var b1 = Lanes()
  var b2 = Lanes()
  var b3 = Lanes()
  var i = 0
  while i + 4 <= count {
    let (t0, u0) = terms(i)
    let (t1, u1) = terms(i + 1)
    let (t2, u2) = terms(i + 2)
    let (t3, u3) = terms(i + 3)
    a0 += t0
    b0 += u0
    a1 += t1
    b1 += u1
    a2 += t2
    b2 += u2
    a3 += t3
    b3 += u3
    i += 4
  }
  while i < count {
    let (t, u) = terms(i)
    a0 += t
    b0 += u
    i += 1
  }
  return ((a0 + a1) + (a2 + a3), (b0 + b1) + (b2 + b3))
}
