// The executable form of a layer list: all layers for a fixed number of images, and the memory that they share.
import Compute

/// Runs the layers of a list in order, and their backward passes in reverse order.
package final class LayerStack {
  package let images: Int
  package let list: LayerList
  package let layers: [any Layer]
  private let gradients: PingPongBuffer?

  /// - Parameters:
  ///   - inputs: what the first layer reads.
  ///   - maps: memory to share with what runs before or after this stack; nil for memory of its own. A stack for
  ///     training keeps gradients there, a stack for inference its activations.
  ///   - poolingIndices: the indices that unpooling layers read, by the pooling layer's name.
  package init(
    _ list: LayerList, images: Int, purpose: NetworkPurpose, inputs: [Activation] = [.image],
    parameters: ParameterVector, statistics: ParameterVector, maps: PingPongBuffer? = nil,
    poolingIndices: [String: PoolingIndices] = [:], dropoutRate: Float = 0, context: ExecutionContext
  ) {
    self.list = list
    self.images = images
    let buffer = maps ?? PingPongBuffer(images: images, largest: images * list.largestMaps)
    gradients = purpose == .training ? buffer : nil
    var layers: [any Layer] = []
    var inputs = inputs
    for (index, spec) in list.specs.enumerated() {
      let memory: LayerResources.OutputMemory =
        switch purpose {
        case .training: list.sharesGradientMemory(index) ? .gradients(buffer) : .own
        case .inference: list.keepsOutput(spec) ? .own : .shared(buffer)
        }
      let layer = spec.makeLayer(
        LayerResources(
          images: images, purpose: purpose, inputs: inputs, parameters: parameters, statistics: statistics,
          outputMemory: memory, poolingIndices: poolingIndices, dropoutRate: dropoutRate, context: context))
      layers.append(layer)
      inputs = [layer.output]
    }
    self.layers = layers
  }

  package var output: Activation { layers[layers.count - 1].output }

  /// The layer of that name in the list.
  package func layer<L: Layer>(_ name: String, as type: L.Type) -> L {
    guard let index = list.specs.firstIndex(where: { $0.name == name }), let layer = layers[index] as? L else {
      preconditionFailure("the network has no \(type) called \(name)")
    }
    return layer
  }

  /// All layers of one type, in order.
  package func layers<L: Layer>(of type: L.Type) -> [L] { layers.compactMap { $0 as? L } }

  package func forward(_ pass: ForwardPass) {
    for layer in layers { layer.forward(pass) }
  }

  /// The gradient of the last layer's output has been written: beside its values, or into `gradient`.
  package func backward(planes: UnsafePointer<Float>? = nil, into shard: ShardGradient) {
    guard let gradients else { preconditionFailure("the network was made for inference: it has no backward pass") }
    let pass = BackwardPass(planes: planes, shard: shard, buffer: gradients)
    for layer in layers.reversed() { layer.backward(pass) }
  }

  package func weightsChange() {
    for layer in layers { layer.weightsChange() }
  }

  package func prepare() {
    for layer in layers { layer.prepare() }
  }

  package func copyStatistics(into vector: ParameterVector) {
    for layer in layers { layer.copyStatistics(into: vector) }
  }
}
