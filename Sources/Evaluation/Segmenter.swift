// Inference as the authors run it (paper section 4.2; docs/reference.md section 4; D:inference/DecoupledNet_inference.m).
//
//   H x W the picture   Q = max(H, W)   S the network's input side   K classes, background is map 0
//
//  1 pad to Q x Q at the right and the bottom, black          5 each present class alone: foreground is its map
//  2 resize to S x S, bilinear, antialiased; minus the mean   6 where all maps are 0: 1 to every map
//  3 label scores: sigmoid of the average score               7 divide by the sum over the maps, pixel by pixel
//  4 all present labels together: background is map 0         8 resize to Q x Q, bicubic; cut to H x W
//                                                             9 the largest map, the first of equals
// The authors run steps 3 to 5 as whole passes; here the features are computed once and only the tail is repeated, and
// where a picture has one label, steps 4 and 5 are the same pass and run once.
import Images
import Networks
import Compute

/// What the network says of one picture.
package struct Segmentation: Sendable {
  /// One class index a pixel, in the picture's own size.
  package let mask: IndexImage
  package let scored: ScoredLabels
  package var labelScores: [Float] { scored.labelScores }
  package var labels: [Bool] { scored.labels }
}

/// Segments pictures, several at a time. The result for a picture does not depend on the number of threads.
package final class Segmenter {
  /// Pictures of one call.
  package let images: Int
  private let pass: InferencePass
  private let workers: WorkerPool
  private let input: InputPlanes

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    self.images = images
    workers = context.workers
    pass = InferencePass(net, images: images, context: context)
    input = InputPlanes(images: images, size: net.shape.inputSize, workers: workers)
  }

  /// - Parameter pictures: 1 to `images` of them.
  package func segment(_ pictures: [RGBImage]) -> [Segmentation] {
    precondition((1...images).contains(pictures.count), "\(pictures.count) pictures for a segmenter of \(images)")
    let (size, classes) = (pass.shape.inputSize, pass.shape.classes)
    let area = size * size
    let scores = pass.features(input.fill(pictures))
    let scored = ScoredLabels.batch(scores, classes: classes)
    let present = pictures.indices.map { image in
      let own = scored[image].labels
      return own.indices.filter { own[$0] }
    }

    let tails = DecoderBatch(present: present, scores: scores, classes: classes)
    var probabilities: [[Float]] = []
    for first in stride(from: 0, to: tails.choices.count, by: images) {
      let part = Array(tails.choices[first..<min(first + images, tails.choices.count)])
      pass.segment(part)
      let both = pass.probabilities.pointer
      probabilities += part.indices.map { Array(UnsafeBufferPointer(start: both + 2 * $0 * area, count: 2 * area)) }
    }
    let maps = tails.maps.map { $0.map { Array(probabilities[$0.choice][$0.plane * area..<($0.plane + 1) * area]) } }

    var masks = pictures.map { IndexImage(width: $0.width, height: $0.height) }
    masks.withUnsafeMutableBufferPointer { masks in
      workers.run(pictures.count) { image, _ in
        if !present[image].isEmpty { label(&masks[image], maps[image], labels: present[image]) }
      }
    }
    return pictures.indices.map { Segmentation(mask: masks[$0], scored: scored[$0]) }
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

/// Which passes of the tail a batch of pictures needs, and which of their planes are whose maps.
struct DecoderBatch {
  /// All present labels of a picture together, and each alone; a choice that is already there is not repeated.
  private(set) var choices: [LabelQuery] = []
  /// For each picture the background's map, then one for each present label; nothing where no label is present.
  private(set) var maps: [[(choice: Int, plane: Int)]] = []

  /// - Parameters:
  ///   - present: for each picture its labels.
  ///   - scores: [N][classes]
  init(present: [[Int]], scores: [Float], classes: Int) {
    for (image, labels) in present.enumerated() {
      guard !labels.isEmpty else {
        maps.append([])
        continue
      }
      let own = choices.count
      for chosen in [labels] + (labels.count > 1 ? labels.map { [$0] } : []) {
        var seeds = [Float](repeating: 0, count: classes)
        for label in chosen { seeds[label] = scores[image * classes + label] }
        choices.append(LabelQuery(image: image, seeds: seeds))
      }
      maps.append([(own, 0)] + labels.indices.map { (labels.count > 1 ? own + 1 + $0 : own, 1) })
    }
  }
}
