// The geometry of a factored gradient.
import Kernels

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
