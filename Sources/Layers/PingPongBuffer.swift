// Two buffers used in turn, for a chain of layers each of which reads only what the one before it wrote.
import Compute

/// Hands out maps over two pieces of memory in turn. The maps before the last ones are overwritten.
package final class PingPongBuffer {
  private let images: Int
  private let memory: [AlignedMemory]
  private var turn = 0

  /// - Parameter largest: floats of the largest maps in the chain, all images together.
  package init(images: Int, largest: Int) {
    self.images = images
    memory = [AlignedMemory(floats: largest), AlignedMemory(floats: largest)]
  }

  /// Maps over the first piece, for values that are no longer needed when the chain begins.
  package func first(channels: Int, height: Int, width: Int) -> FeatureMaps {
    FeatureMaps(images: images, channels: channels, height: height, width: width, in: memory[0])
  }

  package func next(channels: Int, height: Int, width: Int) -> FeatureMaps {
    turn += 1
    return FeatureMaps(images: images, channels: channels, height: height, width: width, in: memory[turn % 2])
  }
}
