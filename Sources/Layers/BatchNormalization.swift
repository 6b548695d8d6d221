// Batch normalization over one shard (docs/reference.md section 2, C:bn_layer.cpp), with the ReLU that may follow it.
//
// Training normalizes with the shard's own mean and variance. Inference uses statistics gathered after training.
import Compute
import Kernels

/// The constants of a batch normalization.
package struct BatchNormalizationStyle: Sendable, Equatable {
  /// Added to the variance.
  package let epsilon: Float
  package let initialShift: InitialDistribution

  /// The authors' (C:bn_layer.cpp, var_eps_): 1e-9, since pool5's saliency has variances of 5e-8 and up; a larger
  /// constant would be another network.
  package static let authors = Self(epsilon: 1e-9, initialShift: .constant(0.001))
  /// VGG16-BN's, for the optional normalization of the classification network.
  package static let vgg16BN = Self(
    epsilon: 1e-5, initialShift: InitialDistribution(gaussian: .constant(0.001), he: .constant(0)))
}

/// The declaration of one batch normalization. It is a part of other layers.
package struct BatchNormalizationSpec: Sendable {
  package let name: String
  package let channels: Int
  package let style: BatchNormalizationStyle

  /// Scale and shift. The authors' files state no multipliers for them, so both are 1 (docs/reference.md section 0).
  func parameters(layer: String, section: String) -> [ParameterSpec] {
    [
      ParameterSpec(
        "\(name).scale", [channels], .batchNormScale, layer: layer, section: section, initial: .constant(1)),
      ParameterSpec(
        "\(name).shift", [channels], .batchNormShift, layer: layer, section: section, initial: style.initialShift),
    ]
  }

  func statistics(layer: String, section: String) -> [ParameterSpec] {
    [
      ParameterSpec("\(name).mean", [channels], .batchNormMean, layer: layer, section: section),
      ParameterSpec(
        "\(name).variance", [channels], .batchNormVariance, layer: layer, section: section, initial: .constant(1)),
    ]
  }
}

package final class BatchNormalizationLayer {
  private let name: String
  private let plan: BatchNormalization
  private let channels: Int
  private let rectified: Bool
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let scale: Int
  private let shift: Int
  /// Statistics to normalize with; nil for the shard's own.
  private let stored: ParameterVector?
  /// The last shard's mean, then its biased variance, C floats each.
  private let statistics: AlignedMemory

  /// - Parameter rectified: a ReLU follows.
  init(_ spec: BatchNormalizationSpec, shape: ActivationShape, rectified: Bool, _ resources: LayerResources) {
    name = spec.name
    channels = spec.channels
    self.rectified = rectified
    context = resources.context
    parameters = resources.parameters
    plan = BatchNormalization(
      images: resources.images, channels: channels, height: shape.height, width: shape.width,
      epsilon: spec.style.epsilon)
    scale = parameters.table.offset(of: "\(name).scale")
    shift = parameters.table.offset(of: "\(name).shift")
    stored = resources.isTrained ? nil : resources.statistics
    statistics = AlignedMemory(floats: 2 * channels)
    context.reserve(floats: plan.workspaceFloats)
  }

  private var mean: UnsafeMutablePointer<Float> { statistics.pointer }
  private var variance: UnsafeMutablePointer<Float> { statistics.pointer + channels }

  /// y = scale (x - mean) / sqrt(variance + epsilon) + shift
  func forward(_ x: FeatureMaps, into y: FeatureMaps) {
    context.stage(name, .normalization, .forward)
    if let stored {
      mean.update(from: stored["\(name).mean"].baseAddress!, count: channels)
      variance.update(from: stored["\(name).variance"].baseAddress!, count: channels)
    } else {
      let workspace = context.workspace
      context.run(plan.statisticsTasks) { plan.gatherStatistics(x.data, workspace: workspace, task: $0) }
      plan.combineStatistics(workspace: workspace, mean: mean, variance: variance)
    }
    context.run(plan.tasks) {
      plan.normalize(
        x.data, mean: mean, variance: variance, scale: parameters.pointer + scale, shift: parameters.pointer + shift,
        rectified: rectified, into: y.data, task: $0)
    }
  }

  /// Turns the gradient of y into that of x, in place, and writes the gradients of scale and shift.
  func backward(_ x: FeatureMaps, gradient: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>) {
    let workspace = context.workspace
    let scaleValues = parameters.pointer + scale
    let shiftValues = parameters.pointer + shift
    context.stage(name, .normalization, .backward)
    context.run(plan.gradientTasks) {
      plan.gatherGradients(
        x.data, outputGradient: gradient.data, mean: mean, variance: variance, scale: scaleValues, shift: shiftValues,
        rectified: rectified, workspace: workspace, task: $0)
    }
    plan.combineGradients(
      workspace: workspace, scaleGradient: parameterGradient + scale, shiftGradient: parameterGradient + shift)
    context.run(plan.tasks) {
      plan.backward(
        x.data, outputGradient: gradient.data, mean: mean, variance: variance, scale: scaleValues, shift: shiftValues,
        scaleGradient: parameterGradient + scale, shiftGradient: parameterGradient + shift, rectified: rectified,
        into: gradient.data, task: $0)
    }
  }

  /// Copies the last shard's mean and variance under their names.
  func copyStatistics(into vector: ParameterVector) {
    vector["\(name).mean"].baseAddress!.update(from: mean, count: channels)
    vector["\(name).variance"].baseAddress!.update(from: variance, count: channels)
  }
}
