// Feature maps in the layout shared by all kernels.
//
//   N images, C channels (a multiple of 16), H rows, W columns:  (N, C/16, H, W, 16)
//
// A pixel of a channel block is 16 consecutive floats, one `SIMD16<Float>`.
import Kernels

/// N feature maps of C channels and H x W pixels, in channel blocks of 16: (N, C/16, H, W, 16).
package struct FeatureMaps: Sendable {
  package let images: Int
  package let channels: Int
  package let height: Int
  package let width: Int
  package let memory: AlignedMemory
  private let offset: Int

  /// Creates zeroed maps. `channels` must be a multiple of 16.
  package init(images: Int, channels: Int, height: Int, width: Int) {
    self.init(
      images: images, channels: channels, height: height, width: width,
      in: AlignedMemory(floats: images * channels * height * width), at: 0)
  }

  /// Creates maps over a part of existing memory, which buffers that are never in use together share.
  package init(images: Int, channels: Int, height: Int, width: Int, in memory: AlignedMemory, at offset: Int = 0) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    precondition(offset + images * channels * height * width <= memory.count, "the maps do not fit into their memory")
    self.images = images
    self.channels = channels
    self.height = height
    self.width = width
    self.memory = memory
    self.offset = offset
  }

  package var data: UnsafeMutablePointer<Float> { memory.pointer + offset }
  package var pixels: Int { height * width }
  package var count: Int { images * channels * pixels }

  /// The value of one channel at one pixel, for tests and small maps. Kernels index the memory directly.
  package subscript(image: Int, channel: Int, y: Int, x: Int) -> Float {
    get { data[index(image: image, channel: channel, y: y, x: x)] }
    nonmutating set { data[index(image: image, channel: channel, y: y, x: x)] = newValue }
  }

  private func index(image: Int, channel: Int, y: Int, x: Int) -> Int {
    (((image * (channels / 16) + channel / 16) * height + y) * width + x) * 16 + channel % 16
  }
}
