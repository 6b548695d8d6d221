// A bias on maps in channel blocks (N, C/16, H, W, 16), for the one layer whose kernel cannot add it: fc6_deconv, whose
// maps are folded from a matrix product.

package struct ChannelBias: Sendable {
  private let blocks: Int
  private let pixels: Int
  /// One task an image and channel block.
  package let tasks: Int

  package init(images: Int, channels: Int, height: Int, width: Int) {
    blocks = channels / 16
    pixels = height * width
    tasks = images * blocks
  }

  /// x += bias of its channel; in place.
  package func add(_ bias: UnsafePointer<Float>, to x: UnsafeMutablePointer<Float>, task: Int) {
    let value = UnsafeRawPointer(bias + task % blocks * 16).loadUnaligned(as: SIMD16<Float>.self)
    let maps = UnsafeMutableRawPointer(x + task * pixels * 16).assumingMemoryBound(to: SIMD16<Float>.self)
    for pixel in 0..<pixels { maps[pixel] += value }
  }
}
