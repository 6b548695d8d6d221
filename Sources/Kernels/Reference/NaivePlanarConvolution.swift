// The naive twin of `PlanarConvolution` and `PlanarWeightGradient`.

/// 3x3 convolution of planes (N, 3, H, W), as a convolution of one channel block.
package struct NaivePlanarConvolution {
  package let images: Int
  package let outputChannels: Int
  package let height: Int
  package let width: Int

  package init(images: Int, outputChannels: Int, height: Int, width: Int) {
    self.images = images
    self.outputChannels = outputChannels
    self.height = height
    self.width = width
  }

  private var channels16: NaiveConvolution {
    NaiveConvolution(images: images, inputChannels: 16, outputChannels: outputChannels, height: height, width: width)
  }

  /// Returns the planes as a channel block whose last 13 channels are 0.
  private func blocked(_ planes: [Float]) -> [Float] {
    var result = [Float](repeating: 0, count: images * height * width * 16)
    let pixels = height * width
    for image in 0..<images {
      for plane in 0..<3 {
        for pixel in 0..<pixels {
          result[(image * pixels + pixel) * 16 + plane] = planes[(image * 3 + plane) * pixels + pixel]
        }
      }
    }
    return result
  }

  /// Returns the output (N, K/16, H, W, 16) for weights [K][3][3][3].
  package func apply(_ planes: [Float], weights: [Float], bias: [Float]?, rectified: Bool) -> [Float] {
    var wide = [Float](repeating: 0, count: outputChannels * 16 * 9)
    for k in 0..<outputChannels { for tap in 0..<27 { wide[k * 144 + tap] = weights[k * 27 + tap] } }
    return channels16.apply(blocked(planes), weights: wide, bias: bias, rectified: rectified)
  }

  /// Returns the gradient with respect to the weights, [K][3][3][3].
  package func weightGradient(_ planes: [Float], outputGradient: [Float]) -> [Float] {
    let wide = channels16.weightGradient(blocked(planes), outputGradient: outputGradient)
    return (0..<outputChannels * 27).map { wide[$0 / 27 * 144 + $0 % 27] }
  }
}
