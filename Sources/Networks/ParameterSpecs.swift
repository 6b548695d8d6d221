// Every parameter and statistic of the network: names, plain shapes and multipliers (docs/reference.md sections 2, 3 and 9).
import Kernels
import Compute

extension NetworkShape {
  /// The classification network's parameters. The score layer learns `scoreMultiplier` times as fast as the others,
  /// which the authors' traces put at 10 for a network that starts from ImageNet weights (docs/reference.md section 3).
  package func classificationParameters(scoreMultiplier: Float = 10) -> ParameterTable {
    var list: [Parameter] = []
    for layer in classificationBlocks.joined() {
      list += weightAndBias(layer.name, [layer.outputChannels, layer.inputChannels, 3, 3], layer.outputChannels)
      if batchNormalization { list += scaleAndShift("\(layer.name).bn", layer.outputChannels) }
    }
    let (c5, fc) = (channels(512), channels(4096))
    list += weightAndBias("classification.fc6", [fc, c5, fc6Kernel, fc6Kernel], fc, .factored)
    list += weightAndBias("classification.fc7", [fc, fc, 1, 1], fc, .factored)
    list.append(
      Parameter("classification.score.weight", [classes, fc, 1, 1], .weight, rateMultiplier: scoreMultiplier))
    list.append(
      Parameter(
        "classification.score.bias", [classes], .bias, rateMultiplier: 2 * scoreMultiplier, decayMultiplier: 0))
    return ParameterTable(list)
  }

  /// The bridging layers' and the segmentation network's parameters: what phase two trains.
  package func segmentationParameters() -> ParameterTable {
    var list: [Parameter] = []
    let (c5, bridge) = (channels(512), channels(2048))
    list += scaleAndShift("bridging.pool5_bn", c5)
    list += scaleAndShift("bridging.saliency_bn", c5)
    list += weightAndBias("bridging.fc6", [bridge, 2 * c5, fc6Kernel, fc6Kernel], bridge, .factored)
    list += scaleAndShift("bridging.fc6.bn", bridge)
    list += weightAndBias("bridging.fc7", [bridge, bridge, 1, 1], bridge, .factored)
    list += scaleAndShift("bridging.fc7.bn", bridge)
    list += weightAndBias("bridging.fc6_deconv", [bridge, c5, fc6Kernel, fc6Kernel], c5, .factored)
    list += scaleAndShift("bridging.fc6_deconv.bn", c5)
    for layer in segmentationBlocks.joined() {
      list += weightAndBias(layer.name, [layer.inputChannels, layer.outputChannels, 3, 3], layer.outputChannels)
      list += scaleAndShift("\(layer.name).bn", layer.outputChannels)
    }
    list += weightAndBias("segmentation.score", [2, channels(64), 1, 1], 2)
    return ParameterTable(list)
  }

  /// The unfoldings of `images` images' maps that are a factor of a layer's weight gradient: x of a convolution, dy of a
  /// transposed one. By the parameter's name.
  package func factorUnfoldings(images: Int) -> [String: Im2Col] {
    func unfolding(_ channels: Int) -> Im2Col {
      Im2Col(images: images, channels: channels, height: pool5Size, width: pool5Size, kernel: fc6Kernel)
    }
    let c5 = channels(512)
    return [
      "classification.fc6.weight": unfolding(c5), "bridging.fc6.weight": unfolding(2 * c5),
      "bridging.fc6_deconv.weight": unfolding(c5),
    ]
  }

  /// Mean and biased variance of every batch normalisation of the classification network, if it has any.
  package func classificationStatistics() -> ParameterTable {
    guard batchNormalization else { return ParameterTable([]) }
    return ParameterTable(
      classificationBlocks.joined().flatMap { meanAndVariance("\($0.name).bn", $0.outputChannels) })
  }

  /// Mean and biased variance of every batch normalisation of phase two, in the order of the forward pass.
  package func segmentationStatistics() -> ParameterTable {
    let (c5, bridge) = (channels(512), channels(2048))
    var list = meanAndVariance("bridging.pool5_bn", c5)
    list += meanAndVariance("bridging.saliency_bn", c5)
    list += meanAndVariance("bridging.fc6.bn", bridge)
    list += meanAndVariance("bridging.fc7.bn", bridge)
    list += meanAndVariance("bridging.fc6_deconv.bn", c5)
    for layer in segmentationBlocks.joined() { list += meanAndVariance("\(layer.name).bn", layer.outputChannels) }
    return ParameterTable(list)
  }

  private func weightAndBias(
    _ name: String, _ shape: [Int], _ outputs: Int, _ gradient: GradientForm = .stored
  ) -> [Parameter] {
    [
      Parameter("\(name).weight", shape, .weight, gradient: gradient),
      Parameter("\(name).bias", [outputs], .bias, rateMultiplier: 2, decayMultiplier: 0),
    ]
  }

  /// Batch normalisation states no multipliers in the authors' files, so both are 1, for scale and shift alike.
  private func scaleAndShift(_ name: String, _ channels: Int) -> [Parameter] {
    [
      Parameter("\(name).scale", [channels], .batchNormScale),
      Parameter("\(name).shift", [channels], .batchNormShift),
    ]
  }

  private func meanAndVariance(_ name: String, _ channels: Int) -> [Parameter] {
    [
      Parameter("\(name).mean", [channels], .batchNormShift),
      Parameter("\(name).variance", [channels], .batchNormScale),
    ]
  }
}
