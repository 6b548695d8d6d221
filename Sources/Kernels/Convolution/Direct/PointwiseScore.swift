// 1x1 convolution from C channels to two scores at full resolution. It reads or writes the largest maps of the network
// once and computes very little, so it is a pass of its own rather than a matrix product.
//
//   N images, C channels (a multiple of 16), H rows, W columns; maps are (N, C/16, H, W, 16),
//   scores are planes (N, 2, H, W)

/// The scores of background (0) and foreground (1), and the gradients of maps, weights and bias.
package struct PointwiseScore: Sendable {
  private let pixels: Int
  private let blocks: Int
  private let chunks: PixelChunks

  package init(images: Int, channels: Int, height: Int, width: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    pixels = height * width
    blocks = channels / 16
    // A task takes all channels of its pixels, so each chunk counts as one block.
    chunks = PixelChunks(images: images, blocks: 1, pixels: height * width, largest: 512)
  }

  /// The number of tasks of `apply`, `dataGradient` and `gatherWeightGradient`.
  package var tasks: Int { chunks.count }

  /// Computes scores[k] = weights[k] . x + bias[k]; weights [2][C], bias [2].
  package func apply(
    _ x: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    into scores: UnsafeMutablePointer<Float>, task: Int
  ) {
    let (image, range) = place(task)
    let x = x + image * blocks * pixels * 16
    let (background, foreground) = (scores + image * 2 * pixels, scores + (image * 2 + 1) * pixels)
    for pixel in range {
      var sum0 = Lanes()
      var sum1 = Lanes()
      for block in 0..<blocks {
        let value = x.lanes(at: (block * pixels + pixel) * 16)
        sum0.addProduct(value, weights.lanes(at: block * 16))
        sum1.addProduct(value, weights.lanes(at: (blocks + block) * 16))
      }
      background[pixel] = sum0.total + bias[0]
      foreground[pixel] = sum1.total + bias[1]
    }
  }

  /// Writes dx, the score gradients times their weights.
  package func dataGradient(
    scoreGradient: UnsafePointer<Float>, weights: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, task: Int
  ) {
    let (image, range) = place(task)
    let dx = dx + image * blocks * pixels * 16
    let (background, foreground) = (scoreGradient + image * 2 * pixels, scoreGradient + (image * 2 + 1) * pixels)
    for block in 0..<blocks {
      let weight0 = weights.lanes(at: block * 16)
      let weight1 = weights.lanes(at: (blocks + block) * 16)
      for pixel in range {
        let value = (weight0 * background[pixel]).addingProduct(weight1, Lanes(repeating: foreground[pixel]))
        dx.setLanes(value, at: (block * pixels + pixel) * 16)
      }
    }
  }

  /// Floats that `gatherWeightGradient` needs.
  package var workspaceFloats: Int { chunks.count * partFloats }

  /// Floats of one part: both weight rows, and a vector with the bias gradients in its first two lanes.
  private var partFloats: Int { blocks * 32 + 16 }

  /// Writes one chunk's sums of the weight and bias gradients to the workspace.
  package func gatherWeightGradient(
    _ x: UnsafePointer<Float>, scoreGradient: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>, task: Int
  ) {
    let (image, range) = place(task)
    let x = x + image * blocks * pixels * 16
    let (background, foreground) = (scoreGradient + image * 2 * pixels, scoreGradient + (image * 2 + 1) * pixels)
    let part = workspace + task * partFloats
    for block in 0..<blocks {
      let plane = x + (block * pixels + range.lowerBound) * 16
      let sums = laneSums(range.count) {
        let value = plane.lanes(at: $0 * 16)
        return (value * background[range.lowerBound + $0], value * foreground[range.lowerBound + $0])
      }
      part.setLanes(sums.0, at: block * 16)
      part.setLanes(sums.1, at: (blocks + block) * 16)
    }
    var biases = Lanes()
    for pixel in range {
      biases[0] += background[pixel]
      biases[1] += foreground[pixel]
    }
    part.setLanes(biases, at: blocks * 32)
  }

  /// Overwrites the gradients [2][C] and [2] with the sums over chunks, in their order and in double precision.
  package func combineWeightGradient(
    workspace: UnsafePointer<Float>, weightGradient: UnsafeMutablePointer<Float>,
    biasGradient: UnsafeMutablePointer<Float>
  ) {
    for vector in 0...blocks * 2 {
      var sum = SIMD16<Double>()
      for task in 0..<tasks { sum += workspace.lanes(at: task * partFloats + vector * 16).doubles }
      if vector < blocks * 2 {
        for lane in 0..<16 { weightGradient[vector * 16 + lane] = Float(sum[lane]) }
      } else {
        biasGradient[0] = Float(sum[0])
        biasGradient[1] = Float(sum[1])
      }
    }
  }

  private func place(_ task: Int) -> (image: Int, pixels: Range<Int>) {
    (task / chunks.chunksPerPlane, chunks.range(task % chunks.chunksPerPlane))
  }
}
