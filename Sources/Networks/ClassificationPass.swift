// The classification network outside training: what it says of a picture, and where it sees a class.
import Kernels
import Compute

/// Label scores of N images at a time, and the saliency of chosen labels (paper Eq. 3).
package final class ClassificationPass {
  package let images: Int
  package let shape: NetworkShape
  let classification: ClassificationNetwork
  let saliency: Saliency
  private let values: AlignedMemory
  private let positions: LabelPositions

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    self.images = images
    shape = net.shape
    classification = ClassificationNetwork(
      shape, images: images, purpose: .features, parameters: net.classification,
      statistics: net.classificationStatistics, context: context)
    saliency = Saliency(classification, parameters: net.classification)
    values = AlignedMemory(floats: images * shape.classes)
    positions = LabelPositions(count: images * shape.classes)
    classification.prepare()
  }

  /// sigmoid(average score) of every image and class, [N][L].
  ///
  /// - Parameter planes: (N, 3, S, S), B,G,R with the mean subtracted.
  package func scores(_ planes: UnsafePointer<Float>) -> [Float] {
    classification.forward(planes)
    classification.maximumScores(into: values, positions: positions.pointer)
    classification.averageScores(into: values)
    return (0..<images * shape.classes).map { sigmoid(values.pointer[$0]) }
  }

  /// Leaves the saliency of the choices, 1 to N labels on images of the last `scores`, in `saliency.output`.
  func look(for choices: [LabelQuery]) {
    precondition((1...images).contains(choices.count), "\(choices.count) choices for a pass of \(images)")
    choices.flatMap(\.seeds).withUnsafeBufferPointer {
      saliency.forward(owners: choices.map(\.image), seeds: $0.baseAddress!, positions: positions.pointer)
    }
  }

  /// How much each place of pool5 matters for a choice of labels on an image of the last `scores`: the largest absolute value of
  /// the saliency over the channels, (S/32) x (S/32) for each choice.
  package func saliency(_ choices: [LabelQuery]) -> [[Float]] {
    look(for: choices)
    let maps = saliency.output
    let (pixels, blocks) = (maps.height * maps.width, maps.channels / 16)
    return choices.indices.map { choice in
      (0..<pixels).map { pixel in
        var largest = Float(0)
        for block in 0..<blocks {
          let values = maps.data + ((choice * blocks + block) * pixels + pixel) * 16
          for lane in 0..<16 { largest = max(largest, abs(values[lane])) }
        }
        return largest
      }
    }
  }
}
