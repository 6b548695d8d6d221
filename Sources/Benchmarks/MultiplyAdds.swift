// The multiply-adds of every layer with weights, as direct convolution (docs/reference.md section 5): what GFLOP/s are
// counted against, however a layer is really computed.
import Networks

package struct MultiplyAdds: Sendable {
  /// Of one image and one pass, by the layer's name. Biases, batch norm, ReLU and pooling are not counted.
  package let perImage: [String: Int]

  package init(_ shape: NetworkShape) {
    var counts: [String: Int] = [:]
    func add(_ blocks: [[NetworkShape.Layer]], side: (Int) -> Int) {
      for (index, block) in blocks.enumerated() {
        for layer in block {
          counts[layer.name] = layer.inputChannels * layer.outputChannels * 9 * side(index) * side(index)
        }
      }
    }
    add(shape.classificationBlocks) { shape.inputSize >> $0 }
    add(shape.segmentationBlocks) { shape.inputSize >> (4 - $0) }
    let (c5, fc, bridge) = (shape.channels(512), shape.channels(4096), shape.channels(2048))
    let window = shape.fc6Kernel * shape.fc6Kernel
    let pixels = shape.scorePixels
    counts["classification.fc6"] = pixels * fc * c5 * window
    counts["classification.fc7"] = pixels * fc * fc
    counts["classification.score"] = pixels * fc * shape.classes
    counts["bridging.fc6"] = pixels * bridge * 2 * c5 * window
    counts["bridging.fc7"] = pixels * bridge * bridge
    counts["bridging.fc6_deconv"] = pixels * bridge * c5 * window
    counts["segmentation.score"] = shape.inputSize * shape.inputSize * shape.channels(64) * 2
    perImage = counts
  }

  /// The sum over layers whose names begin so.
  package func sum(_ prefix: String) -> Int {
    perImage.reduce(0) { $0 + ($1.key.hasPrefix(prefix) ? $1.value : 0) }
  }

  private var first: Int { perImage["classification.conv1_1"] ?? 0 }
  private var saliency: Int {
    sum("classification.fc") + (perImage["classification.score"] ?? 0)
  }
  private var tail: Int { sum("bridging.") + sum("segmentation.") }

  /// Forward and backward of an image in phase one; conv1_1 has no data gradient.
  package var classificationStep: Int { 3 * sum("classification.") - first }
  /// Fixed forward pass, saliency, and forward and backward of what phase two trains.
  package var segmentationStep: Int { sum("classification.") + saliency + 3 * tail }
  /// Features once, then background and foreground of one label.
  package var inferenceOfOneLabel: Int { sum("classification.") + 2 * (saliency + tail) }
}
