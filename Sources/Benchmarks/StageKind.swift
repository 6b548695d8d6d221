// What a stage is, by its name: a layer that multiplies, or one of the kinds of work around the layers.
import Networks

package enum StageKind: String, Sendable, CaseIterable {
  /// Layers with weights: 3x3, the products over pool5, the score layers.
  case convolution = "convolutions and products"
  case normalization = "batch normalisation"
  case pooling = "pooling and unpooling"
  case rectification = "ReLU and bias gradients"
  case reordering = "rows, unfolding, folding, factors"
  case other = "loss, dropout and other"

  package init(_ layer: String, _ counts: MultiplyAdds) {
    if counts.perImage[layer] != nil {
      self = .convolution
    } else if layer.hasSuffix(".bn") || layer.hasSuffix("_bn") {
      self = .normalization
    } else if layer.contains("pool") || layer.contains("scorePooling") {
      self = .pooling
    } else if layer.hasSuffix(".relu") || layer.hasSuffix(".bias") {
      self = .rectification
    } else if layer.hasSuffix("fold") || layer.hasSuffix(".rows") || layer.hasSuffix(".factors") {
      self = .reordering
    } else {
      self = .other
    }
  }
}
