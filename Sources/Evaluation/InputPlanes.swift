// Pictures as inference gives them to the network: steps 1 and 2 of the list in Segmenter.swift.
//
//   H x W the picture   Q = max(H, W)   S the network's input side
import Images
import Compute

/// The network's input for some pictures at a time.
final class InputPlanes {
  /// B,G,R (docs/reference.md section 1: D:inference/util/preprocess_image.m).
  private static let mean: [Float] = [104.00698793, 116.66876762, 122.67891434]

  private let size: Int
  private let workers: WorkerPool
  /// (N, 3, S, S)
  private let planes: AlignedMemory

  init(images: Int, size: Int, workers: WorkerPool) {
    (self.size, self.workers) = (size, workers)
    planes = AlignedMemory(floats: images * 3 * size * size)
  }

  /// Padded to Q x Q at the right and the bottom, black; resized to S x S, bilinear, antialiased; minus the mean. What is left of
  /// the memory holds zeros.
  func fill(_ pictures: [RGBImage]) -> UnsafePointer<Float> {
    planes.zero()
    workers.run(3 * pictures.count) { task, _ in
      resizePlane(pictures[task / 3], channel: task % 3, into: planes.pointer + task * size * size)
    }
    return UnsafePointer(planes.pointer)
  }

  /// One channel, in the order B, G, R.
  private func resizePlane(_ picture: RGBImage, channel: Int, into plane: UnsafeMutablePointer<Float>) {
    let side = max(picture.width, picture.height)
    var padded = [Float](repeating: 0, count: side * side)
    for y in 0..<picture.height {
      for x in 0..<picture.width {
        padded[y * side + x] = Float(picture.pixels[3 * (y * picture.width + x) + 2 - channel])
      }
    }
    let resized = Imresize.resize(padded, width: side, height: side, toWidth: size, toHeight: size, kernel: .bilinear)
    for index in resized.indices { plane[index] = resized[index] - Self.mean[channel] }
  }
}
