// The classification network at inference: scores of labels, and the places that matter for a label.
import Compute
import Kernels
import Layers

/// Label scores of N images at a time, and the saliency of single labels (paper Eq. 3).
package final class DecoupledNetLabelPredictor: LabelPredictor {
  package let images: Int
  private let classes: Int
  let classifier: FrozenClassifier

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    self.images = images
    classes = net.shape.classes
    classifier = FrozenClassifier(net, images: images, context: context)
    classifier.prepare()
  }

  /// sigmoid(average score) of every image and class, [N][L].
  package func scores(_ planes: UnsafePointer<Float>) -> [Float] {
    classifier.forward(planes)
    return (0..<images * classes).map { sigmoid(classifier.averages[$0]) }
  }

  /// Leaves the saliency of 1 to N choices of labels on images of the last `scores` in `classifier.saliency.output`.
  func computeSaliency(_ queries: [LabelQuery]) {
    precondition((1...images).contains(queries.count), "\(queries.count) label queries for a pass of \(images)")
    queries.flatMap(\.seeds).withUnsafeBufferPointer {
      classifier.computeSaliency(owners: queries.map(\.image), seeds: $0.baseAddress!)
    }
  }

  /// The largest absolute value of the saliency over pool5's channels at each place.
  package func saliency(of label: Int, image: Int) -> [Float] {
    computeSaliency([LabelQuery(image: image, seeds: (1...classes).map { $0 == label ? 1 : 0 })])
    let maps = classifier.saliency.output
    return (0..<maps.pixels).map { pixel in
      var largest = Float(0)
      for block in 0..<maps.channels / 16 {
        let values = maps.data + (block * maps.pixels + pixel) * 16
        for lane in 0..<16 { largest = max(largest, abs(values[lane])) }
      }
      return largest
    }
  }
}
