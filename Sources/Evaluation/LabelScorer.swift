// The image labels of images from a model's classification network, for a model whose masks are not trained yet.
import Compute
import Images
import Models

/// Scores the classes of images, several at a time. Scores are those of `Segmenter` for the same batch.
package final class LabelScorer {
  /// Images of one call.
  package let images: Int
  private let shape: NetworkShape
  private let predictor: any LabelPredictor
  private let input: InputPlanes

  /// Returns nil for a model without a classification network of its own.
  package init?(_ model: any Model, images: Int, context: ExecutionContext) {
    guard let predictor = model.makeLabelPredictor(images: images, context: context) else { return nil }
    self.predictor = predictor
    self.images = images
    shape = model.shape
    input = InputPlanes(images: images, size: shape.inputSize, workers: context.workers)
  }

  /// - Parameter batch: 1 to `images` of them.
  package func score(_ batch: [RGBImage]) -> [ScoredLabels] {
    precondition((1...images).contains(batch.count), "\(batch.count) images for a scorer of \(images)")
    return Array(ScoredLabels.batch(predictor.scores(input.fill(batch)), classes: shape.classes).prefix(batch.count))
  }

  /// The saliency of a class in an image of the last `score` (paper Eq. 3): a grey image in the image's size, white
  /// where the saliency is largest. It is as coarse as pool5, whose places are 32 pixels of the network's input apart.
  ///
  /// - Parameter label: 1...K
  package func saliency(of label: Int, image: Int, _ photograph: RGBImage) -> IndexImage {
    let map = predictor.saliency(of: label, image: image)
    let (coarse, side) = (shape.pool5Size, max(photograph.width, photograph.height))
    let fine = Imresize.resize(map, width: coarse, height: coarse, toWidth: side, toHeight: side, kernel: .bilinear)
    let scale = (map.max() ?? 0) > 0 ? 255 / map.max()! : 0
    var grey = IndexImage(width: photograph.width, height: photograph.height)
    for y in 0..<photograph.height {
      for x in 0..<photograph.width { grey[x, y] = UInt8(min(max(fine[y * side + x] * scale, 0), 255).rounded()) }
    }
    return grey
  }
}
