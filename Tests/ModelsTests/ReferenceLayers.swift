// The layers of the reference network: plain NCHW arrays of Double and naive loops, each a direct transcription of its
// equation. They share no code with the fast kernels and do not use their layout.
//
// N examples, C channels, H x W pixels, K kernel side; I input and O output channels of a convolution.

/// Activations in plain (N, C, H, W) order.
struct PlainMaps: Equatable {
  let n: Int
  let c: Int
  let h: Int
  let w: Int
  var values: [Double]

  init(n: Int, c: Int, h: Int, w: Int, values: [Double]) {
    precondition(values.count == n * c * h * w, "\(values.count) values for \(n) x \(c) x \(h) x \(w)")
    self.n = n
    self.c = c
    self.h = h
    self.w = w
    self.values = values
  }

  init(n: Int, c: Int, h: Int, w: Int) {
    self.init(n: n, c: c, h: h, w: w, values: [Double](repeating: 0, count: n * c * h * w))
  }

  /// Zeros in the shape of other activations.
  init(like other: PlainMaps) { self.init(n: other.n, c: other.c, h: other.h, w: other.w) }

  /// The index of the first value of a channel plane.
  func plane(_ n: Int, _ c: Int) -> Int { (n * self.c + c) * h * w }

  /// Calls `body` for every channel plane: its channel and the indices of its values.
  func forEachPlane(_ body: (Int, Range<Int>) -> Void) {
    for example in 0..<n {
      for channel in 0..<c { body(channel, plane(example, channel)..<(plane(example, channel) + h * w)) }
    }
  }

  /// Applies a function of the channel and the value to every value.
  func mapped(_ transform: (_ channel: Int, _ value: Double) -> Double) -> PlainMaps {
    var result = self
    result.values.withUnsafeMutableBufferPointer { values in
      forEachPlane { channel, plane in for index in plane { values[index] = transform(channel, values[index]) } }
    }
    return result
  }

  /// The maps of chosen examples, in the order given; an example may be chosen more than once.
  func examples(_ chosen: [Int]) -> PlainMaps {
    PlainMaps(
      n: chosen.count, c: c, h: h, w: w, values: chosen.flatMap { values[($0 * c * h * w)..<(($0 + 1) * c * h * w)] })
  }

  /// The channels of `self`, followed by those of `other`.
  func joined(with other: PlainMaps) -> PlainMaps {
    var both: [Double] = []
    for example in 0..<n {
      both += values[plane(example, 0)..<plane(example + 1, 0)]
      both += other.values[other.plane(example, 0)..<other.plane(example + 1, 0)]
    }
    return PlainMaps(n: n, c: c + other.c, h: h, w: w, values: both)
  }

  var norm: Double { plainNorm(values) }
}

func plainNorm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

// MARK: - Convolution

/// The three sums of a convolution with stride 1. `large` is I x H x W, `small` is O x (H+2P-K+1) x (W+2P-K+1), and the
/// weights are O x I x K x K. A transposed convolution is the same three sums with the roles of input and output
/// exchanged.
struct PlainConvolution {
  let outputs: Int
  let inputs: Int
  let kernel: Int
  let padding: Int

  func smallSide(_ large: Int) -> Int { large + 2 * padding - kernel + 1 }
  func largeSide(_ small: Int) -> Int { small - 2 * padding + kernel - 1 }

  /// small[n, o, y, x] = sum over i, ky, kx of weight[o, i, ky, kx] * large[n, i, y + ky - P, x + kx - P]
  func small(fromLarge large: PlainMaps, weight: [Double]) -> PlainMaps {
    var small = PlainMaps(n: large.n, c: outputs, h: smallSide(large.h), w: smallSide(large.w))
    let (h, w) = (small.h, small.w)
    small.values.withUnsafeMutableBufferPointer { result in
      large.values.withUnsafeBufferPointer { source in
        forEachTap(n: large.n, smallH: h, smallW: w, largeH: large.h, largeW: large.w) { s, l, count, tap in
          let factor = weight[tap]
          for x in 0..<count { result[s + x] += factor * source[l + x] }
        }
      }
    }
    return small
  }

  /// large[n, i, y + ky - P, x + kx - P] = sum over o, ky, kx of weight[o, i, ky, kx] * small[n, o, y, x]
  func large(fromSmall small: PlainMaps, weight: [Double]) -> PlainMaps {
    var large = PlainMaps(n: small.n, c: inputs, h: largeSide(small.h), w: largeSide(small.w))
    let (h, w) = (large.h, large.w)
    large.values.withUnsafeMutableBufferPointer { result in
      small.values.withUnsafeBufferPointer { source in
        forEachTap(n: small.n, smallH: small.h, smallW: small.w, largeH: h, largeW: w) { s, l, count, tap in
          let factor = weight[tap]
          for x in 0..<count { result[l + x] += factor * source[s + x] }
        }
      }
    }
    return large
  }

  /// weight[o, i, ky, kx] = sum over n, y, x of small[n, o, y, x] * large[n, i, y + ky - P, x + kx - P]
  func weight(fromSmall small: PlainMaps, large: PlainMaps) -> [Double] {
    var sums = [Double](repeating: 0, count: outputs * inputs * kernel * kernel)
    small.values.withUnsafeBufferPointer { a in
      large.values.withUnsafeBufferPointer { b in
        forEachTap(n: small.n, smallH: small.h, smallW: small.w, largeH: large.h, largeW: large.w) { s, l, count, tap in
          var sum = 0.0
          for x in 0..<count { sum += a[s + x] * b[l + x] }
          sums[tap] += sum
        }
      }
    }
    return sums
  }

  /// Calls `body` for every row that one weight touches: first value in small, first in large, values in the row,
  /// weight index.
  @inline(__always)
  private func forEachTap(
    n: Int, smallH: Int, smallW: Int, largeH: Int, largeW: Int, _ body: (Int, Int, Int, Int) -> Void
  ) {
    for example in 0..<n {
      for o in 0..<outputs {
        for i in 0..<inputs {
          for ky in 0..<kernel {
            for kx in 0..<kernel {
              let tap = ((o * inputs + i) * kernel + ky) * kernel + kx
              let firstX = max(0, padding - kx)
              let endX = min(smallW, largeW + padding - kx)
              for y in max(0, padding - ky)..<min(smallH, largeH + padding - ky) {
                let s = ((example * outputs + o) * smallH + y) * smallW + firstX
                let l = ((example * inputs + i) * largeH + y + ky - padding) * largeW + firstX + kx - padding
                body(s, l, endX - firstX, tap)
              }
            }
          }
        }
      }
    }
  }
}

/// The sum over N, H, W of each channel.
func channelSums(_ maps: PlainMaps) -> [Double] {
  var sums = [Double](repeating: 0, count: maps.c)
  maps.forEachPlane { channel, plane in
    for index in plane { sums[channel] += maps.values[index] }
  }
  return sums
}

// MARK: - Pooling

/// 2x2 maximum pooling, stride 2; the first of equal values in row order wins. Pooling indices count in the whole
/// input.
func plainMaxPool(_ maps: PlainMaps) -> (maxima: PlainMaps, poolingIndices: [Int]) {
  var maxima = PlainMaps(n: maps.n, c: maps.c, h: maps.h / 2, w: maps.w / 2)
  var poolingIndices = [Int](repeating: 0, count: maxima.values.count)
  for index in poolingIndices.indices {
    let (x, row) = (index % maxima.w, index / maxima.w)
    let first = (row / maxima.h * maps.h + row % maxima.h * 2) * maps.w + 2 * x
    var best = first
    for candidate in [first + 1, first + maps.w, first + maps.w + 1] where maps.values[candidate] > maps.values[best] {
      best = candidate
    }
    poolingIndices[index] = best
    maxima.values[index] = maps.values[best]
  }
  return (maxima, poolingIndices)
}

/// Puts values at their pooling indices, with zeros elsewhere, in maps of twice the height and width.
func plainUnpool(_ maps: PlainMaps, poolingIndices: [Int]) -> PlainMaps {
  var larger = PlainMaps(n: maps.n, c: maps.c, h: 2 * maps.h, w: 2 * maps.w)
  for index in poolingIndices.indices { larger.values[poolingIndices[index]] = maps.values[index] }
  return larger
}

// MARK: - Batch normalization

/// The normalization of one batch, with the values that its gradient needs.
struct PlainNormalization {
  let mean: [Double]
  /// Biased: divided by the count.
  let variance: [Double]
  let normalized: PlainMaps
  let inverseDeviations: [Double]

  /// Statistics of the batch itself when none are given.
  init(_ maps: PlainMaps, recorded: (mean: [Double], variance: [Double])? = nil, epsilon: Double) {
    let count = Double(maps.n * maps.h * maps.w)
    let mean = recorded?.mean ?? channelSums(maps).map { $0 / count }
    let centered = maps.mapped { $1 - mean[$0] }
    variance = recorded?.variance ?? channelSums(centered.mapped { $1 * $1 }).map { $0 / count }
    let inverse = variance.map { 1 / ($0 + epsilon).squareRoot() }
    self.mean = mean
    inverseDeviations = inverse
    normalized = centered.mapped { $1 * inverse[$0] }
  }

  func scaled(_ scale: [Double], _ shift: [Double]) -> PlainMaps {
    normalized.mapped { scale[$0] * $1 + shift[$0] }
  }

  /// Gradients when the statistics came from the batch. With d = gradient and u = normalized input, per channel:
  /// shift: sum d; scale: sum d u; input: scale / deviation * (d - mean d - u * mean(d u)).
  func gradients(_ gradient: PlainMaps, scale: [Double]) -> (input: PlainMaps, scale: [Double], shift: [Double]) {
    let count = Double(gradient.n * gradient.h * gradient.w)
    var products = gradient
    for index in products.values.indices { products.values[index] *= normalized.values[index] }
    let shifts = channelSums(gradient)
    let scales = channelSums(products)
    var input = gradient
    gradient.forEachPlane { channel, plane in
      let factor = scale[channel] * inverseDeviations[channel]
      for index in plane {
        input.values[index] =
          factor
          * (gradient.values[index] - shifts[channel] / count - normalized.values[index] * scales[channel] / count)
      }
    }
    return (input, scales, shifts)
  }
}
