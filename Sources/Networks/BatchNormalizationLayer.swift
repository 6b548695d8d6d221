// Batch normalisation over one shard (docs/reference.md section 2, C:bn_layer.cpp), with the ReLU that follows it.
//
// While training, mean and variance are the shard's own. What inference uses is gathered after training and held by
// `DecoupledNet`.
import Kernels
import Compute

/// Which statistics a network normalises with.
package enum NormalizationMode: Sendable {
  /// The shard's own mean and variance: training, and the passes that gather statistics.
  case shardStatistics
  /// Stored statistics: inference, and a fixed classification network in phase two.
  case storedStatistics
}

package final class BatchNormalizationLayer {
  /// The authors' constant (C:bn_layer.cpp, var_eps_). pool5's saliency has variances of 5e-8 and up: a larger one would be another network.
  package static let authorsEpsilon: Float = 1e-9
  /// VGG16-BN's constant, for the optional normalisation of the classification network.
  package static let classificationEpsilon: Float = 1e-5

  private let name: String
  private let plan: BatchNormalization
  private let channels: Int
  private let rectified: Bool
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let scale: Int
  private let shift: Int
  /// The last shard's mean, then its biased variance, C floats each.
  private let statistics: AlignedMemory

  init(
    _ name: String, images: Int, channels: Int, size: Int, epsilon: Float, rectified: Bool,
    parameters: ParameterVector, context: ExecutionContext
  ) {
    self.name = name
    self.channels = channels
    self.rectified = rectified
    self.context = context
    self.parameters = parameters
    plan = BatchNormalization(images: images, channels: channels, height: size, width: size, epsilon: epsilon)
    scale = parameters.table.offset(of: "\(name).scale")
    shift = parameters.table.offset(of: "\(name).shift")
    statistics = AlignedMemory(floats: 2 * channels)
    context.reserve(floats: plan.workspaceFloats)
  }

  private var mean: UnsafeMutablePointer<Float> { statistics.pointer }
  private var variance: UnsafeMutablePointer<Float> { statistics.pointer + channels }

  /// y = scale * (x - mean) / sqrt(variance + epsilon) + shift, with the shard's statistics.
  func forward(_ x: FeatureMaps, into y: FeatureMaps) {
    let workspace = context.workspace
    context.stage(name, .forward)
    context.run(plan.statisticsTasks) { plan.gatherStatistics(x.data, workspace: workspace, task: $0) }
    plan.combineStatistics(workspace: workspace, mean: mean, variance: variance)
    normalize(x, into: y)
  }

  /// The same with stored statistics.
  func forward(_ x: FeatureMaps, into y: FeatureMaps, stored: ParameterVector) {
    context.stage(name, .forward)
    mean.update(from: stored["\(name).mean"].baseAddress!, count: channels)
    variance.update(from: stored["\(name).variance"].baseAddress!, count: channels)
    normalize(x, into: y)
  }

  private func normalize(_ x: FeatureMaps, into y: FeatureMaps) {
    context.run(plan.tasks) {
      plan.normalize(
        x.data, mean: mean, variance: variance, scale: parameters.pointer + scale, shift: parameters.pointer + shift,
        rectified: rectified, into: y.data, task: $0)
    }
  }

  /// Turns the gradient of y into that of x, in place, and writes the gradients of scale and shift.
  func backward(_ x: FeatureMaps, gradient: FeatureMaps, parameterGradient: UnsafeMutablePointer<Float>) {
    let workspace = context.workspace
    let (scaleValues, shiftValues) = (parameters.pointer + scale, parameters.pointer + shift)
    context.stage(name, .backward)
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
