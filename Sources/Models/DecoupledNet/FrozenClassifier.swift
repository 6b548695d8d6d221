// The classification network with stored statistics, and the saliency of chosen labels: what the segmentation phase and
// inference read of it.
import Compute
import Kernels
import Layers

/// The forward pass of the classification network for N images, and the saliency of up to N label choices on them.
final class FrozenClassifier {
  let stack: LayerStack
  let saliency: Saliency
  /// [N][L]: the score of the last `forward` at the position of each class's maximum, before the sigmoid.
  let maxima: AlignedMemory
  private let pooling: ScorePoolingLayer
  private let positions: LabelPositions

  /// - Parameter maps: memory for activations that may be shared with what runs afterwards.
  init(_ net: DecoupledNet, images: Int, maps: PingPongBuffer? = nil, context: ExecutionContext) {
    let group = net.classification
    let stack = LayerStack(
      group.layers, images: images, purpose: .inference, parameters: group.parameters, statistics: group.statistics,
      maps: maps, context: context)
    func dense(_ name: String) -> FullyConvolutionalLayer {
      stack.layer("classification.\(name)", as: FullyConvolutionalLayer.self)
    }
    saliency = Saliency(
      "classification.saliency", images: images, layers: (fc6: dense("fc6"), fc7: dense("fc7"), score: dense("score")),
      context: context)
    pooling = stack.layer("classification.scorePooling", as: ScorePoolingLayer.self)
    maxima = AlignedMemory(floats: images * net.shape.classes)
    positions = LabelPositions(count: images * net.shape.classes)
    self.stack = stack
  }

  /// pool5's maps (N, C, S/32, S/32) of the last forward pass.
  var pool5: FeatureMaps { stack.layer("classification.pool5", as: MaxPoolingLayer.self).output.maps }

  /// The indices of all poolings of the last forward pass, by the layer's name.
  var poolingIndices: [String: PoolingIndices] {
    Dictionary(uniqueKeysWithValues: stack.layers(of: MaxPoolingLayer.self).map { ($0.name, $0.indices) })
  }

  /// [N][L]: the average scores of the last forward pass, before the sigmoid.
  var averages: UnsafePointer<Float> { UnsafePointer(pooling.averages.values.pointer) }

  /// Brings the parameters into the kernels' form.
  func prepare() { stack.prepare() }

  func forward(_ planes: UnsafePointer<Float>) {
    stack.forward(ForwardPass(planes: planes))
    pooling.maximum(into: maxima, positions: positions.pointer)
  }

  /// Leaves the saliency of label choices on images of the last `forward` in `saliency.output`.
  /// - Parameters:
  ///   - owners: for each choice, its image.
  ///   - seeds: [choices][L], 0 for a label that is not chosen.
  func computeSaliency(owners: [Int], seeds: UnsafePointer<Float>) {
    saliency.forward(owners: owners, seeds: seeds, positions: positions.pointer)
  }
}

/// The position of the maximum of each class's score map, [N][L].
///
/// `@unchecked Sendable`: it owns an address range, written by one pass and read by the next.
private final class LabelPositions: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Int32>

  init(count: Int) {
    pointer = .allocate(capacity: count)
    pointer.initialize(repeating: 0, count: count)
  }

  deinit { pointer.deallocate() }
}
