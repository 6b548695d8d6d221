// The bias of maps in channel blocks, and its gradient.
//
//   N images, C channels (a multiple of 16), H rows, W columns; maps are (N, C/16, H, W, 16)

/// Adds a bias to maps, for the one layer whose kernel cannot add it: fc6_deconv, whose maps are folded from a product.
package struct ChannelBias: Sendable {
  private let blocks: Int
  private let pixels: Int
  /// The number of tasks: one per image and channel block.
  package let tasks: Int

  package init(images: Int, channels: Int, height: Int, width: Int) {
    blocks = channels / 16
    pixels = height * width
    tasks = images * blocks
  }

  /// Adds the bias of its channel to each value in place.
  package func add(_ bias: UnsafePointer<Float>, to x: UnsafeMutablePointer<Float>, task: Int) {
    let value = UnsafeRawPointer(bias + task % blocks * 16).loadUnaligned(as: Lanes.self)
    let maps = UnsafeMutableRawPointer(x + task * pixels * 16).assumingMemoryBound(to: Lanes.self)
    for pixel in 0..<pixels { maps[pixel] += value }
  }
}

/// Sums over N, H, W for each channel: within chunks in single precision, over the chunks in double precision.
package struct ChannelSums: Sendable {
  private let chunks: PixelChunks

  package init(images: Int, channels: Int, height: Int, width: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    chunks = PixelChunks(images: images, blocks: channels / 16, pixels: height * width)
  }

  package var tasks: Int { chunks.count }
  package var workspaceFloats: Int { chunks.count * 16 }

  /// Writes the sums of one chunk to the workspace.
  package func gather(_ x: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>, task: Int) {
    let chunk = chunks[task]
    let x = x + chunk.offset
    workspace.setLanes(laneSum(chunk.pixels) { x.lanes(at: $0 * 16) }, at: task * 16)
  }

  /// Overwrites sums [C] with the sums over chunks, in their order.
  package func combine(workspace: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>) {
    for block in 0..<chunks.blocks {
      var sum = SIMD16<Double>()
      chunks.forEach(ofBlock: block) { index, _ in sum += workspace.lanes(at: index * 16).doubles }
      for lane in 0..<16 { sums[block * 16 + lane] = Float(sum[lane]) }
    }
  }
}
