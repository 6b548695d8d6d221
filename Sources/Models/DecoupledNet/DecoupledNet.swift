// DecoupledNet (paper section 4), the file to read first: its layers from top to bottom, its two phases, and its parts.
//
//   classification   VGG16, trained on images with labels
//   segmentation     bridging layers and deconvolution network, trained on crops with masks; classification stays fixed
//
//   ClassificationStep      planes, labels         -> loss, gradients of the classification group
//   SegmentationStep        planes, labels, masks  -> loss, gradients of the segmentation group
//   DecoupledNetPredictor   planes                 -> label scores and class probability maps
import Batches
import Compute
import Layers

package final class DecoupledNet: Model {
  package static let name = "decouplednet"

  // MARK: Layers

  /// The classification network (paper section 4.1).
  package static func classificationLayers(_ shape: NetworkShape, scoreRateMultiplier: Float = 1) -> LayerList {
    VGG16.classificationNetwork(section: "classification", shape, scoreRateMultiplier: scoreRateMultiplier)
  }

  /// The bridging layers (paper section 4.3) and the deconvolution network (section 4.2). Inputs: pool5's maps and the
  /// saliency of the chosen labels, of one shape.
  package static func segmentationLayers(_ shape: NetworkShape) -> LayerList {
    let pool5 = shape.channels(512)
    let bridge = shape.channels(2048)
    var net = LayerList(section: "bridging", input: ActivationShape(.maps, channels: pool5, size: shape.pool5Size))
    net.normalizedConcatenation("concatenation", normalizations: ["pool5_bn", "saliency_bn"], style: .authors)
    net.fullyConvolutional("fc6", bridge, kernel: shape.fc6Kernel, gradient: .factored, normalization: .authors)
    net.fullyConvolutional("fc7", bridge, kernel: 1, gradient: .factored, normalization: .authors)
    net.transposedFullyConvolutional("fc6_deconv", pool5, kernel: shape.fc6Kernel, normalization: .authors)

    net.section = "segmentation"
    let widths = [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64, 64]]
    for (block, widths) in zip([5, 4, 3, 2, 1], widths) {
      net.unpooling("unpool\(block)", indicesOf: "classification.pool\(block)")
      for (index, width) in widths.enumerated() {
        net.transposedConvolution3x3("deconv\(block)_\(index + 1)", shape.channels(width), normalization: .authors)
      }
    }
    net.pixelScore("score")
    return net
  }

  // MARK: Phases

  package static let phases = [
    PhaseSpec(
      name: "classification", randomStream: 1, trains: "classification", requires: [], examples: ImageLabelExamples(),
      defaults: PhaseDefaults(
        iterations: 5500, learningRate: 0.001, learningRateStep: 2000, weightDecay: 0.0005, dropout: 0.5,
        scoreRateMultiplier: 10)),
    PhaseSpec(
      name: "segmentation", randomStream: 2, trains: "segmentation", requires: ["classification"],
      examples: MaskCropExamples(),
      defaults: PhaseDefaults(
        iterations: 5500, learningRate: 0.01, learningRateStep: 10000, weightDecay: 3.125e-5)),
  ]

  package static let predictorGroups = ["classification", "segmentation"]

  // MARK: Parts

  package let shape: NetworkShape
  package let classification: ParameterGroup
  package let segmentation: ParameterGroup
  package var groups: [ParameterGroup] { [classification, segmentation] }

  package init(_ shape: NetworkShape, options: ModelOptions = ModelOptions()) {
    self.shape = shape
    classification = ParameterGroup(
      "classification",
      Self.classificationLayers(shape, scoreRateMultiplier: options.scoreRateMultiplier(ofPhase: "classification")))
    segmentation = ParameterGroup("segmentation", Self.segmentationLayers(shape))
  }

  package func makeStep(
    _ phase: PhaseSpec, shardSize: Int, dropoutRate: Float, context: ExecutionContext
  ) -> any TrainingStep {
    phase.trains == classification.name
      ? ClassificationStep(self, images: shardSize, dropoutRate: dropoutRate, context: context)
      : SegmentationStep(self, images: shardSize, context: context)
  }

  package func makePredictor(images: Int, context: ExecutionContext) -> any Predictor {
    DecoupledNetPredictor(self, images: images, context: context)
  }

  package func makeLabelPredictor(images: Int, context: ExecutionContext) -> (any LabelPredictor)? {
    DecoupledNetLabelPredictor(self, images: images, context: context)
  }

  // MARK: Cost

  /// The saliency passes once through the layers over pool5.
  private var saliencyMultiplyAdds: Int {
    classification.layers.specs.reduce(0) { $0 + (($1 as? FullyConvolutionalSpec)?.multiplyAdds ?? 0) }
  }

  package func multiplyAdds(of phase: PhaseSpec) -> Int {
    let trained = trained(by: phase).layers
    let frozen = phase.requires.isEmpty ? 0 : classification.layers.multiplyAdds + saliencyMultiplyAdds
    return frozen + trained.multiplyAdds + trained.backwardMultiplyAdds
  }

  /// The features once, then saliency and segmentation for background and foreground.
  package var inferenceMultiplyAdds: Int {
    classification.layers.multiplyAdds + 2 * (saliencyMultiplyAdds + segmentation.layers.multiplyAdds)
  }
}
