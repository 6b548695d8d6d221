// The gradient of rectification, max(0, x), on maps in channel blocks.
//
//   N images, C channels (a multiple of 16), H rows, W columns; maps are (N, C/16, H, W, 16)

/// The backward pass of y = max(0, x), in place. The forward pass is part of the kernel that computes y.
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

  /// Performs `backward` and `ChannelSums.gather` of its result in one pass, with the same tasks and the same bits.
  ///
  /// The workspace is that of `ChannelSums` of the same shape, whose `combine` completes the sums.
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
