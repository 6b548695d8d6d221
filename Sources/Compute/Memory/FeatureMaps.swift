// Activations in the layout that every kernel shares.
//
//   N images, C channels (a multiple of 16), H rows, W columns:  (N, C/16, H, W, 16)
//
// One pixel of one channel block is 16 neighbouring floats, one `SIMD16<Float>`.
import Kernels

/// N feature maps of C channels and H x W pixels, in channel blocks of 16: (N, C/16, H, W, 16).
package struct FeatureMaps: Sendable {
  package let images: Int
  package let channels: Int
  package let height: Int
  package let width: Int
  package let memory: AlignedMemory
  private let offset: Int

  /// New maps, zeroed. `channels` is a multiple of 16.
  package init(images: Int, channels: Int, height: Int, width: Int) {
    self.init(
      images: images, channels: channels, height: height, width: width,
      in: AlignedMemory(floats: images * channels * height * width), at: 0)
  }

  /// Maps over a part of memory that exists: buffers that are never alive together share it.
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

  /// The value of one channel at one pixel: for tests and for what is small; kernels walk the memory themselves.
  package subscript(image: Int, channel: Int, y: Int, x: Int) -> Float {
    get { data[index(image, channel, y, x)] }
    nonmutating set { data[index(image, channel, y, x)] = newValue }
  }

  private func index(_ image: Int, _ channel: Int, _ y: Int, _ x: Int) -> Int {
    (((image * (channels / 16) + channel / 16) * height + y) * width + x) * 16 + channel % 16
  }
}
