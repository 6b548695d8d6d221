// The declaration of one named parameter: its shape, its initial distribution, and how the optimizer treats it. Layers
// declare their parameters (`LayerSpec.parameters`); everything else is derived from these declarations.
import Kernels

/// The kind of a parameter.
package enum ParameterRole: String, Sendable {
  case weight
  case bias
  case batchNormScale
  case batchNormShift
  /// A statistic, gathered after training and never updated by the optimizer.
  case batchNormMean
  /// The biased variance that belongs to `batchNormMean`.
  case batchNormVariance
}

/// The form in which a parameter's gradient is held until the minibatch is complete.
package enum GradientForm: Sendable {
  /// One float for each scalar of the parameter, added over shards.
  case stored
  /// The two factors of every shard (`GradientFactors`), for matrices that are large beside a shard's rows.
  case factored
}

/// The geometry of the factors of a weight gradient.
package struct FactorShape: Sendable, Equatable {
  /// Rows of both factors that one image contributes: the positions of the layer's output map.
  package let rowsPerImage: Int
  /// The maps that the right factor is unfolded from; nil where the layer has no window (1x1).
  package let unfolding: Im2ColShape?

  package init(rowsPerImage: Int, unfolding: Im2ColShape?) {
    self.rowsPerImage = rowsPerImage
    self.unfolding = unfolding
  }
}

/// The shape of an `Im2Col` for any number of images.
package struct Im2ColShape: Sendable, Equatable {
  package let channels: Int
  package let height: Int
  package let width: Int
  package let kernel: Int

  package init(channels: Int, height: Int, width: Int, kernel: Int) {
    self.channels = channels
    self.height = height
    self.width = width
    self.kernel = kernel
  }

  package func im2col(images: Int) -> Im2Col {
    Im2Col(images: images, channels: channels, height: height, width: width, kernel: kernel)
  }
}

/// The declaration of one named tensor. Its shape is that of the plain order in which it is saved.
package struct ParameterSpec: Sendable, Equatable {
  /// `SECTION.LAYER.PARAMETER`, such as `classification.conv1_1.bn.scale`. Initial values are keyed by a hash of it.
  package let name: String
  /// Weights of convolutions are out x in x height x width, of transposed convolutions in x out x height x width; all
  /// others have one axis.
  package let shape: [Int]
  package let role: ParameterRole
  /// The layer that declares it. A layer's parameters are needed together, and their gradients are complete together.
  package let layer: String
  /// The part of the network to which it belongs. No bucket of the reduction spans two sections.
  package let section: String
  package let rateMultiplier: Float
  package let decayMultiplier: Float
  package let gradient: GradientForm
  /// The geometry of the factors where `gradient` is factored and a layer declared it.
  package let factors: FactorShape?
  package let initial: InitialDistribution

  package init(
    _ name: String, _ shape: [Int], _ role: ParameterRole, layer: String? = nil, section: String = "",
    rateMultiplier: Float = 1, decayMultiplier: Float = 1, gradient: GradientForm = .stored,
    factors: FactorShape? = nil, initial: InitialDistribution = .constant(0)
  ) {
    self.name = name
    self.shape = shape
    self.role = role
    self.layer = layer ?? name
    self.section = section
    self.rateMultiplier = rateMultiplier
    self.decayMultiplier = decayMultiplier
    self.gradient = gradient
    self.factors = factors
    self.initial = initial
  }

  package var count: Int { shape.reduce(1, *) }
}

/// The parameters of one layer in a table, for the reduction and the optimizer.
package struct LayerParameters: Sendable, Equatable {
  package let name: String
  /// Positions in the table.
  package let indices: [Int]

  package init(name: String, indices: [Int]) {
    self.name = name
    self.indices = indices
  }
}
