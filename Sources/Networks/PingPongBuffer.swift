// Two buffers used in turn: enough for a chain of layers each of which reads only what the one before it wrote.
import Compute

/// Hands out maps over two pieces of memory by turns; what the last but one held is overwritten.
package final class PingPongBuffer {
  private let images: Int
  private let memory: [AlignedMemory]
  private var turn = 0

  /// - Parameter largest: floats of the largest maps in the chain.
  init(images: Int, largest: Int) {
    self.images = images
    memory = [AlignedMemory(floats: largest), AlignedMemory(floats: largest)]
  }

  /// Maps over the first piece: for what is no longer needed when the chain begins.
  func first(channels: Int, size: Int) -> FeatureMaps {
    FeatureMaps(images: images, channels: channels, height: size, width: size, in: memory[0])
  }

  func next(channels: Int, size: Int) -> FeatureMaps {
    turn += 1
    return FeatureMaps(images: images, channels: channels, height: size, width: size, in: memory[turn % 2])
  }
}
