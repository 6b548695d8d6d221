// The masks of images from a model's predictions (docs/reference.md section 4; D:inference/DecoupledNet_inference.m).
//
//   H x W the image   Q = max(H, W)   S the network's input side   K classes, background is map 0
//
//  1 pad to Q x Q at the right and the bottom, black      6 where all maps are 0: 1 to every map
//  2 resize to S x S, bilinear, antialiased; minus mean   7 divide by the sum over the maps, pixel by pixel
//  3 to 5: label scores and maps, the model's own steps   8 resize to Q x Q, bicubic; cut to H x W
//    (`Predictor`)                                        9 the largest map, the first of equals
import Compute
import Images
import Models

/// The result for one image.
package struct Segmentation: Sendable {
  /// One class index a pixel, in the image's own size.
  package let mask: IndexImage
  package let scored: ScoredLabels
  package var labelScores: [Float] { scored.labelScores }
  package var labels: [Bool] { scored.labels }
}

/// Segments images, several at a time. The result for an image does not depend on the number of threads.
package final class Segmenter {
  /// Images of one call.
  package let images: Int
  private let size: Int
  private let predictor: any Predictor
  private let workers: WorkerPool
  private let input: InputPlanes

  package init(_ model: any Model, images: Int, context: ExecutionContext) {
    self.images = images
    size = model.shape.inputSize
    workers = context.workers
    predictor = model.makePredictor(images: images, context: context)
    input = InputPlanes(images: images, size: size, workers: workers)
  }

  /// - Parameter batch: 1 to `images` of them.
  package func segment(_ batch: [RGBImage]) -> [Segmentation] {
    precondition((1...images).contains(batch.count), "\(batch.count) images for a segmenter of \(images)")
    let predictions = predictor.predict(input.fill(batch), count: batch.count)
    var masks = batch.map { IndexImage(width: $0.width, height: $0.height) }
    masks.withUnsafeMutableBufferPointer { masks in
      workers.run(batch.count) { image, _ in
        if !predictions[image].maps.isEmpty { label(&masks[image], predictions[image]) }
      }
    }
    return batch.indices.map { Segmentation(mask: masks[$0], scored: ScoredLabels(predictions[$0])) }
  }

  /// Steps 6 to 9.
  private func label(_ mask: inout IndexImage, _ prediction: Prediction) {
    let side = max(mask.width, mask.height)
    var maps = prediction.maps
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
    // An absent class has a map of zeros. It cannot win, since the maps sum to about 1.
    for y in 0..<mask.height {
      for x in 0..<mask.width {
        let pixel = y * side + x
        var best = 0
        for map in 1..<resized.count where resized[map][pixel] > resized[best][pixel] { best = map }
        mask[x, y] = best == 0 ? 0 : UInt8(prediction.present[best - 1])
      }
    }
  }
}
