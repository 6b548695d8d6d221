// VGG16 as a fully convolutional classification network (paper section 4.1; docs/reference.md section 2): five blocks
// of 3x3 convolutions and poolings, then fc6, fc7 and the score map, whose average is the image's score for each class.
import Layers

package enum VGG16 {
  /// The widths of the 3x3 convolutions before each pooling, at width 1.
  package static let blocks = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]

  /// Appends conv1_1 to pool5.
  package static func appendTrunk(to net: inout LayerList, _ shape: NetworkShape) {
    let normalization: BatchNormalizationStyle? = shape.batchNormalization ? .vgg16BN : nil
    for (block, widths) in blocks.enumerated() {
      for (index, width) in widths.enumerated() {
        net.convolution3x3("conv\(block + 1)_\(index + 1)", shape.channels(width), normalization: normalization)
      }
      // pool5 is read again by the layers above the network.
      net.maxPooling("pool\(block + 1)", keepsOutput: block == blocks.count - 1)
    }
  }

  /// The whole classification network.
  /// - Parameter scoreRateMultiplier: how much faster the score layer learns; the authors' traces say 10 for a network
  ///   that starts from ImageNet weights (docs/reference.md section 3).
  package static func classificationNetwork(
    section: String, _ shape: NetworkShape, scoreRateMultiplier: Float
  ) -> LayerList {
    var net = LayerList(
      section: section, input: ActivationShape(.planes, channels: 3, size: shape.inputSize))
    appendTrunk(to: &net, shape)
    net.fullyConvolutional("fc6", shape.channels(4096), kernel: shape.fc6Kernel, gradient: .factored)
    net.dropout("drop6", stream: 6)
    net.fullyConvolutional("fc7", shape.channels(4096), kernel: 1, gradient: .factored)
    net.dropout("drop7", stream: 7)
    net.score("score", classes: shape.classes, rateMultiplier: scoreRateMultiplier)
    net.scorePooling("scorePooling")
    return net
  }
}
