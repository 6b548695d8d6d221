// The two protocols of this target: `LayerSpec` declares a layer, `Layer` executes it for a number of images.
//
// A specification has its input's shape and derives everything that is a function of the layer: the output's shape,
// parameters, statistics, multiply-adds, folding. Names, tables, gradient forms, memory plans and benchmark
// stages follow from these.
import Compute

/// The declaration of one layer.
package protocol LayerSpec: Sendable {
  /// The name of the layer with its section: `classification.conv1_1`.
  var name: String { get }
  var input: ActivationShape { get }
  var output: ActivationShape { get }
  /// Trained parameters, in the order in which they lie in the parameter vector.
  var parameters: [ParameterSpec] { get }
  /// Mean and biased variance of each batch normalization.
  var statistics: [ParameterSpec] { get }
  /// Multiply-adds of one image's forward pass, counted as direct convolution (docs/reference.md section 5). Biases,
  /// batch normalization, ReLU and pooling are not counted.
  var multiplyAdds: Int { get }
  /// Multiply-adds of one image's backward pass.
  var backwardMultiplyAdds: Int { get }
  /// Floats of the largest maps, one image, that the backward pass needs besides the gradients of input and output.
  var workingMaps: Int { get }
  /// True if the backward pass reads the layer's own output.
  var backwardReadsOutput: Bool { get }
  /// True if the backward pass reads the layer's input before it writes the input's gradient. Then the two may share
  /// memory, unless the layer below still reads its output.
  var backwardFreesInput: Bool { get }

  /// Makes the layer for a number of images.
  func makeLayer(_ resources: LayerResources) -> any Layer

  /// Folds the layer's batch normalizations into its own weights or those of the next layer with weights.
  func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?)
}

extension LayerSpec {
  package var parameters: [ParameterSpec] { [] }
  package var statistics: [ParameterSpec] { [] }
  package var multiplyAdds: Int { 0 }
  package var backwardMultiplyAdds: Int { 2 * multiplyAdds }
  package var workingMaps: Int { 0 }
  package var backwardReadsOutput: Bool { true }
  package var backwardFreesInput: Bool { false }
  package func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?) {}
}

/// The purpose for which a network is made.
package enum NetworkPurpose: Sendable {
  /// Forward and backward passes that normalize over the shard. Activations are kept.
  case training
  /// Forward passes with stored statistics: inference, and networks that a phase leaves fixed. Activations of layers in
  /// channel blocks share two buffers.
  case inference
}

/// Everything that a layer needs to be made.
package struct LayerResources {
  /// Memory for the output of a layer in channel blocks.
  package enum OutputMemory {
    case own
    /// One of two buffers used in turn.
    case shared(PingPongBuffer)
    /// The first of the gradient buffers, free until the backward pass.
    case gradients(PingPongBuffer)
  }

  package let images: Int
  package let purpose: NetworkPurpose
  /// The outputs of the layers below; one for most layers.
  package let inputs: [Activation]
  package let parameters: ParameterVector
  package let statistics: ParameterVector
  package let outputMemory: OutputMemory
  /// The indices that unpooling reads, by the pooling layer's name.
  package let poolingIndices: [String: PoolingIndices]
  package let dropoutRate: Float
  package let context: ExecutionContext

  package var input: Activation { inputs[0] }
  package var isTrained: Bool { purpose == .training }

  /// Maps for a layer's output.
  package func outputMaps(_ shape: ActivationShape) -> FeatureMaps {
    switch outputMemory {
    case .own: FeatureMaps(images: images, channels: shape.channels, height: shape.height, width: shape.width)
    case .shared(let buffer): buffer.next(channels: shape.channels, height: shape.height, width: shape.width)
    case .gradients(let buffer): buffer.first(channels: shape.channels, height: shape.height, width: shape.width)
    }
  }
}

/// The inputs of one forward pass.
package struct ForwardPass {
  /// (N, 3, S, S): B, G, R with the mean subtracted; nil for a network that reads no image.
  package let planes: UnsafePointer<Float>?
  /// The key of this shard's random draws; nil for a pass without dropout.
  package let dropoutKey: DropoutKey?

  package init(planes: UnsafePointer<Float>? = nil, dropoutKey: DropoutKey? = nil) {
    self.planes = planes
    self.dropoutKey = dropoutKey
  }

  /// The planes of a network that reads an image.
  package var requiredPlanes: UnsafePointer<Float> { required(planes) }
}

private func required(_ planes: UnsafePointer<Float>?) -> UnsafePointer<Float> {
  guard let planes else { preconditionFailure("the network reads an image, and the pass has none") }
  return planes
}

/// The state of one backward pass. Gradients in channel blocks travel in `gradient`; those in plain layouts lie beside
/// the values that they belong to (`PlainValues.gradient`).
package final class BackwardPass {
  /// As in the forward pass.
  package let planes: UnsafePointer<Float>?
  /// Receives the gradients of parameters.
  package let shard: ShardGradient
  /// The gradient of the output of the layer whose turn it is. A layer overwrites it and replaces it by its input's.
  package var gradient: FeatureMaps?
  private let buffer: PingPongBuffer

  package init(planes: UnsafePointer<Float>? = nil, shard: ShardGradient, buffer: PingPongBuffer) {
    self.planes = planes
    self.shard = shard
    self.buffer = buffer
  }

  /// The planes of a network that reads an image.
  package var requiredPlanes: UnsafePointer<Float> { required(planes) }

  /// The stored gradients of all parameters, each at its offset in the vector.
  package var parameterGradient: UnsafeMutablePointer<Float> { shard.stored }

  package var requiredGradient: FeatureMaps {
    guard let gradient else { preconditionFailure("the layer above left no gradient in channel blocks") }
    return gradient
  }

  /// Memory for a gradient of the same shape as some maps; it overwrites the last but one.
  package func nextMaps(like maps: FeatureMaps) -> FeatureMaps {
    buffer.next(channels: maps.channels, height: maps.height, width: maps.width)
  }
}

/// A layer for a fixed number of images.
package protocol Layer: AnyObject {
  var output: Activation { get }
  func forward(_ pass: ForwardPass)
  /// From the gradient of the output to those of the parameters and of the input.
  func backward(_ pass: BackwardPass)
  /// The parameters will have changed by the next forward pass, which then brings them into the kernels' form.
  func weightsChange()
  /// Brings the parameters into the kernels' form now; for inference, folds the stored statistics in.
  func prepare()
  /// Copies the last shard's batch-norm statistics under their names.
  func copyStatistics(into vector: ParameterVector)
}

extension Layer {
  package func weightsChange() {}
  package func prepare() {}
  package func copyStatistics(into vector: ParameterVector) {}
}
