// The augmentation that makes the network's input from an image and a box (docs/reference.md section 1): crop the box
// (outside the image: black, and 255 in the mask), resize to 350/320 of the input side, crop a random square of the
// input side, mirror it with probability 1/2, and subtract the mean. Images are resized bilinearly and masks by nearest
// neighbour, both like OpenCV.
import Images
import Proposals
import Randomness

package struct Augmentation: Sendable {
  /// The mean in B, G, R order (docs/reference.md section 1: 5.prototxt).
  package static let trainingMean: (Float, Float, Float) = (104.008, 116.669, 122.675)

  /// The side of the network's input.
  package let inputSize: Int
  /// The side before the random crop: 350 for 320.
  package let resizedSize: Int

  package init(inputSize: Int) {
    self.inputSize = inputSize
    resizedSize = (inputSize * 350 + 160) / 320
  }

  /// The position of the random square, and whether it is mirrored.
  package struct Choice: Sendable, Equatable {
    package let x: Int
    package let y: Int
    package let mirrored: Bool

    package init(x: Int, y: Int, mirrored: Bool) {
      self.x = x
      self.y = y
      self.mirrored = mirrored
    }
  }

  /// Draws a choice. Takes three numbers from `random`.
  package func draw(_ random: inout CounterRandom) -> Choice {
    let range = resizedSize - inputSize + 1
    return Choice(
      x: random.integer(below: range), y: random.integer(below: range), mirrored: random.integer(below: 2) == 1)
  }

  /// Writes the three planes (3, S, S) in B, G, R order.
  package func planes(of image: RGBImage, box: Box, choice: Choice, into planes: UnsafeMutablePointer<Float>) {
    let resized = cut(image, box).resizedBilinear(width: resizedSize, height: resizedSize)
    let (size, area) = (inputSize, inputSize * inputSize)
    let mean = Self.trainingMean
    resized.pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<size {
        for x in 0..<size {
          let source = 3 * ((y + choice.y) * resizedSize + choice.x + (choice.mirrored ? size - 1 - x : x))
          let target = planes + y * size + x
          target[0] = Float(pixels[source + 2]) - mean.0
          target[area] = Float(pixels[source + 1]) - mean.1
          target[2 * area] = Float(pixels[source]) - mean.2
        }
      }
    }
  }

  /// Writes the mask (S, S) with every index replaced by `table[index]`.
  package func mask(
    of mask: IndexImage, box: Box, choice: Choice, table: [UInt8], into values: UnsafeMutablePointer<UInt8>
  ) {
    let resized = cut(mask, box).resizedNearest(width: resizedSize, height: resizedSize)
    let size = inputSize
    for y in 0..<size {
      for x in 0..<size {
        let source = (y + choice.y) * resizedSize + choice.x + (choice.mirrored ? size - 1 - x : x)
        values[y * size + x] = table[Int(resized.indices[source])]
      }
    }
  }

  /// Returns the pixels of the box, black outside the image (before the mean is subtracted).
  private func cut(_ image: RGBImage, _ box: Box) -> RGBImage {
    if box == Box(width: image.width, height: image.height) { return image }
    var result = RGBImage(width: box.width, height: box.height)
    let columns = max(box.x1, 0)...max(min(box.x2, image.width - 1), max(box.x1, 0))
    guard box.x1 < image.width, box.x2 >= 0 else { return result }
    for y in max(box.y1, 0)..<max(min(box.y2 + 1, image.height), max(box.y1, 0)) {
      let source = 3 * (y * image.width + columns.lowerBound)
      let target = 3 * ((y - box.y1) * box.width + columns.lowerBound - box.x1)
      let count = 3 * columns.count
      result.pixels.replaceSubrange(target..<target + count, with: image.pixels[source..<source + count])
    }
    return result
  }

  /// Returns the indices of the box, 255 outside the image.
  private func cut(_ mask: IndexImage, _ box: Box) -> IndexImage {
    if box == Box(width: mask.width, height: mask.height) { return mask }
    var result = IndexImage(width: box.width, height: box.height, index: IndexImage.ignored)
    for y in max(box.y1, 0)..<max(min(box.y2 + 1, mask.height), max(box.y1, 0)) {
      for x in max(box.x1, 0)..<max(min(box.x2 + 1, mask.width), max(box.x1, 0)) {
        result.indices[(y - box.y1) * box.width + x - box.x1] = mask.indices[y * mask.width + x]
      }
    }
    return result
  }
}
