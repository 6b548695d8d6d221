// What the classification network alone says of pictures: for a model whose segmentation network is not trained.
import Images
import Networks
import Compute

/// Names the classes of pictures, several at a time. Scores are those of `Segmenter` for the same batch.
package final class LabelScorer {
  /// Pictures of one call.
  package let images: Int
  private let pass: ClassificationPass
  private let input: InputPlanes

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    self.images = images
    pass = ClassificationPass(net, images: images, context: context)
    input = InputPlanes(images: images, size: net.shape.inputSize, workers: context.workers)
  }

  /// - Parameter pictures: 1 to `images` of them.
  package func score(_ pictures: [RGBImage]) -> [ScoredLabels] {
    precondition((1...images).contains(pictures.count), "\(pictures.count) pictures for a scorer of \(images)")
    return Array(
      ScoredLabels.batch(pass.scores(input.fill(pictures)), classes: pass.shape.classes).prefix(pictures.count))
  }

  /// Where the network sees a class in a picture of the last `score` (paper Eq. 3): grey, in the picture's size, white where it
  /// matters most. As coarse as pool5, whose places are 32 pixels of the network's input apart.
  ///
  /// - Parameter label: 1...K
  package func saliency(of label: Int, image: Int, _ picture: RGBImage) -> IndexImage {
    let (classes, coarse) = (pass.shape.classes, pass.shape.pool5Size)
    let seeds = (0..<classes).map { $0 == label - 1 ? Float(1) : 0 }
    let map = pass.saliency([LabelQuery(image: image, seeds: seeds)])[0]
    let side = max(picture.width, picture.height)
    let fine = Imresize.resize(map, width: coarse, height: coarse, toWidth: side, toHeight: side, kernel: .bilinear)
    let scale = (map.max() ?? 0) > 0 ? 255 / map.max()! : 0
    var grey = IndexImage(width: picture.width, height: picture.height)
    for y in 0..<picture.height {
      for x in 0..<picture.width { grey[x, y] = UInt8(min(max(fine[y * side + x] * scale, 0), 255).rounded()) }
    }
    return grey
  }
}
