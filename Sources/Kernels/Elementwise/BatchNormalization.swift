// Batch normalization over one shard with an optional rectification after it, forward and backward.
//
//   N images, C channels (a multiple of 16), H rows, W columns; maps are (N, C/16, H, W, 16); M = N H W
//
// Goals, in order of priority: accuracy (the variance of the input may be 1e-7 of its squared mean, and epsilon is
// 1e-9), one order of additions for any number of threads, speed (every pass is bound by memory).

/// Computes y = scale (x - mean) / sqrt(variance + epsilon) + shift per channel, then max(0, y) if asked.
///
/// In training, mean and biased variance are those of the N images (the authors' bn_layer.cpp, which has epsilon 1e-9).
/// With stored statistics, `normalize` is also the inference pass.
package struct BatchNormalization: Sendable {
  private let chunks: PixelChunks
  private let channels: Int
  private let epsilon: Float

  package init(images: Int, channels: Int, height: Int, width: Int, epsilon: Float) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    chunks = PixelChunks(images: images, blocks: channels / 16, pixels: height * width)
    self.channels = channels
    self.epsilon = epsilon
  }

  private var elements: Double { Double(chunks.images * chunks.pixels) }

  // MARK: Statistics

  /// The number of tasks of `gatherStatistics`.
  package var statisticsTasks: Int { chunks.count }

  /// Floats of the workspace of `gatherStatistics` and of `gatherGradients`, which may share it.
  package var workspaceFloats: Int { chunks.count * 3 * 16 }

  /// Writes the mean of one chunk, and the first two moments about that mean, to the workspace.
  ///
  /// The first moment is the rounding error of the chunk's mean, for which `combineStatistics` corrects.
  package func gatherStatistics(_ x: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>, task: Int) {
    let chunk = chunks[task]
    let x = x + chunk.offset
    let mean = laneSum(chunk.pixels) { x.lanes(at: $0 * 16) } / Float(chunk.pixels)
    let (first, second) = laneSums(chunk.pixels) {
      let difference = x.lanes(at: $0 * 16) - mean
      return (difference, difference * difference)
    }
    let result = workspace + task * 48
    result.setLanes(mean, at: 0)
    result.setLanes(first, at: 16)
    result.setLanes(second, at: 32)
  }

  /// Combines the chunks in their order by Chan's update in double precision; `mean` and biased `variance` are [C].
  package func combineStatistics(
    workspace: UnsafePointer<Float>, mean: UnsafeMutablePointer<Float>, variance: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<channels / 16 {
      var count = 0.0
      var average = SIMD16<Double>()
      var moment = SIMD16<Double>()
      chunks.forEach(ofBlock: block) { index, pixels in
        let part = workspace + index * 48
        let n = Double(pixels)
        let first = part.lanes(at: 16).doubles
        let partMean = part.lanes(at: 0).doubles + first / n
        let partMoment = part.lanes(at: 32).doubles - first * first / n
        let difference = partMean - average
        average += difference * (n / (count + n))
        moment += partMoment + difference * difference * (count * n / (count + n))
        count += n
      }
      for lane in 0..<16 {
        mean[block * 16 + lane] = Float(average[lane])
        variance[block * 16 + lane] = Float(Swift.max(moment[lane] / count, 0))
      }
    }
  }

  // MARK: Forward

  /// The number of tasks of `normalize` and `backward`.
  package var tasks: Int { chunks.count }

  /// Computes y from x. Statistics and parameters are [C]; y may be x.
  package func normalize(
    _ x: UnsafePointer<Float>, mean: UnsafePointer<Float>, variance: UnsafePointer<Float>,
    scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, rectified: Bool, into y: UnsafeMutablePointer<Float>,
    task: Int
  ) {
    let chunk = chunks[task]
    let (x, y) = (x + chunk.offset, y + chunk.offset)
    let line = Line(
      chunk.block, mean: mean, inverse: inverseDeviation(variance, chunk.block), scale: scale, shift: shift)
    if rectified {
      for i in 0..<chunk.pixels { y.setLanes(line.value(x.lanes(at: i * 16)).rectified, at: i * 16) }
    } else {
      for i in 0..<chunk.pixels { y.setLanes(line.value(x.lanes(at: i * 16)), at: i * 16) }
    }
  }

  // MARK: Backward

  /// The number of tasks of `gatherGradients`.
  package var gradientTasks: Int { chunks.count }

  /// Writes one chunk's sums of dy and of dy (x - mean) / sqrt(variance + epsilon) to the workspace.
  ///
  /// If `rectified`, dy is the gradient after the rectification. It counts where the output, computed again from x by
  /// the same expression as in `normalize`, is above 0.
  package func gatherGradients(
    _ x: UnsafePointer<Float>, outputGradient dy: UnsafePointer<Float>, mean: UnsafePointer<Float>,
    variance: UnsafePointer<Float>, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, rectified: Bool,
    workspace: UnsafeMutablePointer<Float>, task: Int
  ) {
    let chunk = chunks[task]
    let (x, dy) = (x + chunk.offset, dy + chunk.offset)
    let inverse = inverseDeviation(variance, chunk.block)
    let line = Line(chunk.block, mean: mean, inverse: inverse, scale: scale, shift: shift)
    let sums: (Lanes, Lanes)
    if rectified {
      sums = laneSums(chunk.pixels) {
        let value = x.lanes(at: $0 * 16)
        let gradient = dy.lanes(at: $0 * 16).masked(byPositive: line.value(value))
        return (gradient, gradient * (value - line.mean))
      }
    } else {
      sums = laneSums(chunk.pixels) {
        let gradient = dy.lanes(at: $0 * 16)
        return (gradient, gradient * (x.lanes(at: $0 * 16) - line.mean))
      }
    }
    let result = workspace + task * 32
    result.setLanes(sums.0, at: 0)
    result.setLanes(sums.1 * inverse, at: 16)
  }

  /// Overwrites this shard's gradients [C] with the sums over chunks, in their order and in double precision.
  package func combineGradients(
    workspace: UnsafePointer<Float>, scaleGradient: UnsafeMutablePointer<Float>,
    shiftGradient: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<channels / 16 {
      var shift = SIMD16<Double>()
      var scale = SIMD16<Double>()
      chunks.forEach(ofBlock: block) { index, _ in
        shift += (workspace + index * 32).lanes(at: 0).doubles
        scale += (workspace + index * 32).lanes(at: 16).doubles
      }
      for lane in 0..<16 {
        shiftGradient[block * 16 + lane] = Float(shift[lane])
        scaleGradient[block * 16 + lane] = Float(scale[lane])
      }
    }
  }

  /// Computes dx through rectification, scale and the statistics of the shard; dx may be dy.
  ///
  ///     dx = scale / deviation * (dy - shiftGradient / M - (x - mean) / deviation * scaleGradient / M)
  ///
  /// The two gradients are those of this shard, from `combineGradients`, not sums over shards.
  package func backward(
    _ x: UnsafePointer<Float>, outputGradient dy: UnsafePointer<Float>, mean: UnsafePointer<Float>,
    variance: UnsafePointer<Float>, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
    scaleGradient: UnsafePointer<Float>, shiftGradient: UnsafePointer<Float>, rectified: Bool,
    into dx: UnsafeMutablePointer<Float>, task: Int
  ) {
    let chunk = chunks[task]
    let (x, dy, dx) = (x + chunk.offset, dy + chunk.offset, dx + chunk.offset)
    let inverse = inverseDeviation(variance, chunk.block)
    let line = Line(chunk.block, mean: mean, inverse: inverse, scale: scale, shift: shift)
    let share = Float(1 / elements)
    let constant = shiftGradient.lanes(at: chunk.block * 16) * share
    let slope = scaleGradient.lanes(at: chunk.block * 16) * share * inverse
    if rectified {
      for i in 0..<chunk.pixels {
        let value = x.lanes(at: i * 16)
        let gradient = dy.lanes(at: i * 16).masked(byPositive: line.value(value))
        dx.setLanes(line.factor * (gradient - constant.addingProduct(value - line.mean, slope)), at: i * 16)
      }
    } else {
      for i in 0..<chunk.pixels {
        let value = x.lanes(at: i * 16)
        let gradient = dy.lanes(at: i * 16)
        dx.setLanes(line.factor * (gradient - constant.addingProduct(value - line.mean, slope)), at: i * 16)
      }
    }
  }

  // MARK: Parts

  /// The normalization of one channel block. It subtracts the mean first; folded into the shift, the mean would cancel.
  private struct Line {
    let mean: Lanes
    let factor: Lanes
    let shift: Lanes

    init(
      _ block: Int, mean: UnsafePointer<Float>, inverse: Lanes, scale: UnsafePointer<Float>,
      shift: UnsafePointer<Float>
    ) {
      self.mean = mean.lanes(at: block * 16)
      factor = scale.lanes(at: block * 16) * inverse
      self.shift = shift.lanes(at: block * 16)
    }

    @inline(__always) func value(_ x: Lanes) -> Lanes { shift.addingProduct(x - mean, factor) }
  }

  private func inverseDeviation(_ variance: UnsafePointer<Float>, _ block: Int) -> Lanes {
    var result = Lanes()
    for lane in 0..<16 {
      result[lane] = Float(1 / (Double(variance[block * 16 + lane]) + Double(epsilon)).squareRoot())
    }
    return result
  }
}
