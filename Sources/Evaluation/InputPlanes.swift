// The conversion of images into the network's input for inference: steps 1 and 2 of the list in Segmenter.swift.
//
//   H x W the image   Q = max(H, W)   S the network's input side
import Compute
import Images

/// The memory of the network's input for several images at a time.
final class InputPlanes {
  /// The means of B, G and R (docs/reference.md section 1: D:inference/util/preprocess_image.m).
  private static let mean: [Float] = [104.00698793, 116.66876762, 122.67891434]

  private let size: Int
  private let workers: WorkerPool
  /// (N, 3, S, S)
  private let planes: AlignedMemory

  init(images: Int, size: Int, workers: WorkerPool) {
    self.size = size
    self.workers = workers
    planes = AlignedMemory(floats: images * 3 * size * size)
  }

  /// Fills the input with images, padded with black to Q x Q at the right and the bottom, resized to S x S (bilinear,
  /// antialiased), minus the mean. Planes without an image hold zeros.
  func fill(_ images: [RGBImage]) -> UnsafePointer<Float> {
    planes.zero()
    workers.run(3 * images.count) { task, _ in
      resizePlane(images[task / 3], channel: task % 3, into: planes.pointer + task * size * size)
    }
    return UnsafePointer(planes.pointer)
  }

  /// Fills one plane. Channels are in the order B, G, R.
  private func resizePlane(_ image: RGBImage, channel: Int, into plane: UnsafeMutablePointer<Float>) {
    let side = max(image.width, image.height)
    var padded = [Float](repeating: 0, count: side * side)
    for y in 0..<image.height {
      for x in 0..<image.width {
        padded[y * side + x] = Float(image.pixels[3 * (y * image.width + x) + 2 - channel])
      }
    }
    let resized = Imresize.resize(padded, width: side, height: side, toWidth: size, toHeight: size, kernel: .bilinear)
    for index in resized.indices { plane[index] = resized[index] - Self.mean[channel] }
  }
}
