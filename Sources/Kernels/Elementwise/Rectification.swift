// The gradient of max(0, x), and sums of a gradient over pixels, which are the gradients of biases.
//
//   N images, C channels (a multiple of 16), H rows, W columns; maps are (N, C/16, H, W, 16)

/// The way back through y = max(0, x), in place. The way forward is part of the kernel that makes y.
package struct Rectification: Sendable {
  private let chunks: PixelChunks

  package init(images: Int, channels: Int, height: Int, width: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    chunks = PixelChunks(images: images, blocks: channels / 16, pixels: height * width)
  }

  package var tasks: Int { chunks.count }

  /// Sets the gradient to zero where the output y is not above 0.
  package func backward(gradient: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, task: Int) {
    let chunk = chunks[task]
    let (gradient, y) = (gradient + chunk.offset, y + chunk.offset)
    for i in 0..<chunk.pixels {
      gradient.setLanes(gradient.lanes(at: i * 16).masked(byPositive: y.lanes(at: i * 16)), at: i * 16)
    }
  }

  /// `backward` and `ChannelSums.gather` of its result in one pass: same tasks, same bits.
  ///
  /// The workspace is that of `ChannelSums` of the same shape, whose `combine` finishes the sums.
  package func backwardAndSum(
    gradient: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>,
    task: Int
  ) {
    let chunk = chunks[task]
    let (gradient, y) = (gradient + chunk.offset, y + chunk.offset)
    let sum = laneSum(chunk.pixels) {
      let masked = gradient.lanes(at: $0 * 16).masked(byPositive: y.lanes(at: $0 * 16))
      gradient.setLanes(masked, at: $0 * 16)
      return masked
    }
    workspace.setLanes(sum, at: task * 16)
  }
}

/// Sums over N, H, W for each channel: chunk by chunk in single precision, over the chunks in double.
package struct ChannelSums: Sendable {
  private let chunks: PixelChunks

  package init(images: Int, channels: Int, height: Int, width: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    chunks = PixelChunks(images: images, blocks: channels / 16, pixels: height * width)
  }

  package var tasks: Int { chunks.count }
  package var workspaceFloats: Int { chunks.count * 16 }

  /// One chunk's sums.
  package func gather(_ x: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>, task: Int) {
    let chunk = chunks[task]
    let x = x + chunk.offset
    workspace.setLanes(laneSum(chunk.pixels) { x.lanes(at: $0 * 16) }, at: task * 16)
  }

  /// The chunks in their order, into sums [C] (overwritten).
  package func combine(workspace: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>) {
    for block in 0..<chunks.blocks {
      var sum = SIMD16<Double>()
      chunks.forEach(ofBlock: block) { index, _ in sum += workspace.lanes(at: index * 16).doubles }
      for lane in 0..<16 { sums[block * 16 + lane] = Float(sum[lane]) }
    }
  }
}
