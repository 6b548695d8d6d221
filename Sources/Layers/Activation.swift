// The values that one layer passes to the next, in one of three layouts.
import Compute

/// The shape of one image's activation.
package struct ActivationShape: Sendable, Equatable {
  package enum Layout: Sendable, Equatable {
    /// (N, C, H, W): the input image and pixel scores.
    case planes
    /// (N, C/16, H, W, 16): the layout of the 3x3 kernels.
    case maps
    /// [N H W][C]: the layout of matrix products.
    case rows
  }

  package let layout: Layout
  package let channels: Int
  package let height: Int
  package let width: Int

  package init(_ layout: Layout, channels: Int, height: Int, width: Int) {
    self.layout = layout
    self.channels = channels
    self.height = height
    self.width = width
  }

  package init(_ layout: Layout, channels: Int, size: Int) {
    self.init(layout, channels: channels, height: size, width: size)
  }

  package var pixels: Int { height * width }
  /// Floats of one image.
  package var count: Int { channels * pixels }
}

/// Values in a plain layout with, while training, the gradient that the next layer writes.
///
/// `@unchecked Sendable` for the reason given at `AlignedMemory`.
package final class PlainValues: @unchecked Sendable {
  package let values: AlignedMemory
  package let gradient: AlignedMemory?

  package init(values: AlignedMemory, gradient: AlignedMemory?) {
    self.values = values
    self.gradient = gradient
  }

  package convenience init(floats: Int, trained: Bool) {
    self.init(values: AlignedMemory(floats: floats), gradient: trained ? AlignedMemory(floats: floats) : nil)
  }

  /// The gradient of a layer that was made for training.
  package var requiredGradient: AlignedMemory {
    guard let gradient else { preconditionFailure("the network was made for inference: it has no gradients") }
    return gradient
  }
}

/// The output of a layer.
package enum Activation: Sendable {
  /// The planes of the current pass (`ForwardPass.planes`).
  case image
  case maps(FeatureMaps)
  /// [M][C]
  case rows(PlainValues)
  /// (N, C, H, W)
  case planes(PlainValues)

  package var maps: FeatureMaps {
    guard case .maps(let maps) = self else { preconditionFailure("the activation is not in channel blocks") }
    return maps
  }

  package var rows: PlainValues {
    guard case .rows(let rows) = self else { preconditionFailure("the activation is not in rows") }
    return rows
  }

  package var planes: PlainValues {
    guard case .planes(let planes) = self else { preconditionFailure("the activation is not in planes") }
    return planes
  }
}
