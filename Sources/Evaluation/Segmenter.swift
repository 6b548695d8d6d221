// Inference as the authors run it (paper section 4.2; reference-facts section 4; D:inference/DecoupledNet_inference.m).
//
//   H x W the picture   Q = max(H, W)   S the network's input side   K classes, background is map 0
//
//  1 pad to Q x Q at the right and the bottom, black          5 each present class alone: foreground is its map
//  2 resize to S x S, bilinear, antialiased; minus the mean   6 where all maps are 0: 1 to every map
//  3 label scores: sigmoid of the average score               7 divide by the sum over the maps, pixel by pixel
//  4 all present labels together: background is map 0         8 resize to Q x Q, bicubic; cut to H x W
//                                                             9 the largest map, the first of equals
// The authors run steps 3 to 5 as whole passes; here the features are computed once and only the tail is repeated.
import Images
import Networks
import Tensors
import Workers

/// What the network says of one picture.
package struct Segmentation: Sendable {
  /// One class index a pixel, in the picture's own size.
  package let mask: IndexImage
  /// sigmoid(average score) of each class: element c - 1 belongs to class c.
  package let labelScores: [Float]
  /// Which of them are above the threshold.
  package let labels: [Bool]
}

/// Segments pictures, several at a time. The result for a picture does not depend on the number of threads.
package final class Segmenter {
  /// B,G,R (reference-facts section 1: D:inference/util/preprocess_image.m).
  package static let mean: (Float, Float, Float) = (104.00698793, 116.66876762, 122.67891434)
  /// A label is present above this score.
  package static let threshold: Float = 0.5

  /// Pictures of one call.
  package let images: Int
  private let pass: InferencePass
  private let workers: WorkerPool
  private let planes: AlignedMemory

  package init(_ net: DecoupledNet, images: Int, bench: Workbench) {
    self.images = images
    workers = bench.workers
    pass = InferencePass(net, images: images, bench: bench)
    planes = AlignedMemory(floats: images * 3 * net.shape.inputSize * net.shape.inputSize)
  }

  /// - Parameter pictures: 1 to `images` of them.
  package func segment(_ pictures: [RGBImage]) -> [Segmentation] {
    precondition((1...images).contains(pictures.count), "\(pictures.count) pictures for a segmenter of \(images)")
    let (size, classes) = (pass.shape.inputSize, pass.shape.classes)
    let area = size * size
    planes.zero()
    workers.run(3 * pictures.count) { task, _ in
      resizePlane(pictures[task / 3], channel: task % 3, into: planes.pointer + task * area)
    }
    let scores = pass.features(planes.pointer)
    let present = pictures.indices.map { image in
      (0..<classes).filter { scores[image * classes + $0] > Self.threshold }
    }

    // Pass 0 seeds all present labels of each picture; pass p its p-th label alone.
    var maps = pictures.indices.map { _ in [[Float]]() }
    for number in 0...(present.map(\.count).max() ?? 0) {
      guard present.contains(where: { !$0.isEmpty && number <= $0.count }) else { break }
      var seeds = [Float](repeating: 0, count: images * classes)
      for (image, labels) in present.enumerated() {
        for (place, label) in labels.enumerated() where number == 0 || place == number - 1 {
          seeds[image * classes + label] = scores[image * classes + label]
        }
      }
      pass.segment(seeds: seeds)
      for (image, labels) in present.enumerated() where !labels.isEmpty && number <= labels.count {
        let plane = pass.probabilities.pointer + (2 * image + (number == 0 ? 0 : 1)) * area
        maps[image].append(Array(UnsafeBufferPointer(start: plane, count: area)))
      }
    }

    var masks = pictures.map { IndexImage(width: $0.width, height: $0.height) }
    masks.withUnsafeMutableBufferPointer { masks in
      workers.run(pictures.count) { image, _ in
        if !present[image].isEmpty { label(&masks[image], maps[image], labels: present[image]) }
      }
    }
    return pictures.indices.map { image in
      let own = Array(scores[image * classes..<(image + 1) * classes])
      return Segmentation(mask: masks[image], labelScores: own, labels: own.map { $0 > Self.threshold })
    }
  }

  /// Steps 1 and 2 for one channel, in the order B, G, R.
  private func resizePlane(_ picture: RGBImage, channel: Int, into plane: UnsafeMutablePointer<Float>) {
    let side = max(picture.width, picture.height)
    var padded = [Float](repeating: 0, count: side * side)
    for y in 0..<picture.height {
      for x in 0..<picture.width {
        padded[y * side + x] = Float(picture.pixels[3 * (y * picture.width + x) + 2 - channel])
      }
    }
    let size = pass.shape.inputSize
    let resized = Imresize.resize(padded, width: side, height: side, toWidth: size, toHeight: size, kernel: .bilinear)
    let mean = [Self.mean.0, Self.mean.1, Self.mean.2][channel]
    for index in resized.indices { plane[index] = resized[index] - mean }
  }

  /// Steps 6 to 9. `maps`: the background's, then one for each label, S x S.
  private func label(_ mask: inout IndexImage, _ maps: [[Float]], labels: [Int]) {
    let size = pass.shape.inputSize
    let side = max(mask.width, mask.height)
    var maps = maps
    for pixel in 0..<size * size {
      var sum = maps.reduce(Float(0)) { $0 + $1[pixel] }
      if sum <= 0 {
        for map in maps.indices { maps[map][pixel] += 1 }
        sum = maps.reduce(Float(0)) { $0 + $1[pixel] }
      }
      for map in maps.indices { maps[map][pixel] /= sum }
    }
    let resized = maps.map {
      Imresize.resize($0, width: size, height: size, toWidth: side, toHeight: side, kernel: .bicubic)
    }
    // An absent class has a map of zeros; it cannot win, since the maps sum to about 1.
    for y in 0..<mask.height {
      for x in 0..<mask.width {
        let pixel = y * side + x
        var best = 0
        for map in 1..<resized.count where resized[map][pixel] > resized[best][pixel] { best = map }
        mask[x, y] = best == 0 ? 0 : UInt8(labels[best - 1] + 1)
      }
    }
  }
}
