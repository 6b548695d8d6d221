// The unit of training and freezing: a part of a model's parameters.
import Compute
import Layers

/// A part of a model's parameters that is trained, frozen and initialized as a whole.
package final class ParameterGroup: Sendable {
  package typealias Name = String

  package let name: Name
  /// The layers that declare the parameters.
  package let layers: LayerList
  package let parameters: ParameterVector
  /// Batch-norm means and variances, gathered when the phase that trains the group has ended; empty without batch
  /// normalization.
  package let statistics: ParameterVector

  package init(_ name: Name, _ layers: LayerList) {
    self.name = name
    self.layers = layers
    parameters = ParameterVector(layers.parameterTable)
    statistics = ParameterVector(layers.statisticsTable)
  }
}
