// The slow and obvious twins of the 3x3 convolutions: what each result is by definition, summed in Double.
//
//   N images, C input channels, K output channels, H rows, W columns; activations (N, C/16, H, W, 16).
//   Stride 1, padding 1.

/// 3x3 convolution and transposed convolution of N maps of H x W pixels, with their gradients.
package struct NaiveConvolution {
  package let images: Int
  package let inputChannels: Int
  package let outputChannels: Int
  package let height: Int
  package let width: Int

  package init(images: Int, inputChannels: Int, outputChannels: Int, height: Int, width: Int) {
    (self.images, self.height, self.width) = (images, height, width)
    (self.inputChannels, self.outputChannels) = (inputChannels, outputChannels)
  }

  private func index(_ channels: Int, _ image: Int, _ channel: Int, _ y: Int, _ x: Int) -> Int {
    (((image * (channels / 16) + channel / 16) * height + y) * width + x) * 16 + channel % 16
  }

  private func isInside(_ y: Int, _ x: Int) -> Bool { y >= 0 && y < height && x >= 0 && x < width }

  /// Calls `body` with every pair of an input and an output pixel that a tap (0..<9) joins.
  private func forEachTap(_ body: (_ image: Int, _ tap: Int, _ input: (Int, Int), _ output: (Int, Int)) -> Void) {
    for image in 0..<images {
      for y in 0..<height {
        for x in 0..<width {
          for tap in 0..<9 where isInside(y + tap / 3 - 1, x + tap % 3 - 1) {
            body(image, tap, (y + tap / 3 - 1, x + tap % 3 - 1), (y, x))
          }
        }
      }
    }
  }

  /// y[k] = bias[k] + sum over c and taps of w[k][c][tap] x[c]; rectified at 0 if asked. Weights [K][C][3][3].
  package func apply(_ input: [Float], weights: [Float], bias: [Float]?, rectified: Bool) -> [Float] {
    var output = [Double](repeating: 0, count: images * outputChannels * height * width)
    for image in 0..<images {
      for k in 0..<outputChannels {
        for y in 0..<height {
          for x in 0..<width { output[index(outputChannels, image, k, y, x)] = Double(bias?[k] ?? 0) }
        }
      }
    }
    forEachTap { image, tap, from, to in
      for k in 0..<outputChannels {
        var sum = 0.0
        for c in 0..<inputChannels {
          sum +=
            Double(weights[(k * inputChannels + c) * 9 + tap])
            * Double(input[index(inputChannels, image, c, from.0, from.1)])
        }
        output[index(outputChannels, image, k, to.0, to.1)] += sum
      }
    }
    return output.map { Float(rectified ? max($0, 0) : $0) }
  }

  /// The gradient of `apply` (without bias and rectification) by its input: weights [K][C][3][3].
  package func dataGradient(_ outputGradient: [Float], weights: [Float]) -> [Float] {
    var gradient = [Double](repeating: 0, count: images * inputChannels * height * width)
    forEachTap { image, tap, from, to in
      for k in 0..<outputChannels {
        let value = Double(outputGradient[index(outputChannels, image, k, to.0, to.1)])
        for c in 0..<inputChannels {
          gradient[index(inputChannels, image, c, from.0, from.1)] +=
            Double(weights[(k * inputChannels + c) * 9 + tap]) * value
        }
      }
    }
    return gradient.map { Float($0) }
  }

  /// The gradient of `apply` by its weights, [K][C][3][3].
  package func weightGradient(_ input: [Float], outputGradient: [Float]) -> [Float] {
    var gradient = [Double](repeating: 0, count: outputChannels * inputChannels * 9)
    forEachTap { image, tap, from, to in
      for k in 0..<outputChannels {
        let value = Double(outputGradient[index(outputChannels, image, k, to.0, to.1)])
        for c in 0..<inputChannels {
          gradient[(k * inputChannels + c) * 9 + tap] +=
            Double(input[index(inputChannels, image, c, from.0, from.1)]) * value
        }
      }
    }
    return gradient.map { Float($0) }
  }

  /// Transposed convolution: every input pixel adds its kernel to the outputs around it. Weights [C][K][3][3].
  package func applyTransposed(_ input: [Float], weights: [Float], bias: [Float]?, rectified: Bool) -> [Float] {
    let adjoint = NaiveConvolution(
      images: images, inputChannels: outputChannels, outputChannels: inputChannels, height: height, width: width)
    var output = adjoint.dataGradient(input, weights: weights)
    for image in 0..<images {
      for k in 0..<outputChannels {
        for y in 0..<height {
          for x in 0..<width {
            let place = index(outputChannels, image, k, y, x)
            output[place] += bias?[k] ?? 0
            if rectified { output[place] = max(output[place], 0) }
          }
        }
      }
    }
    return output
  }
}

/// The first layer's twin: planes (N, 3, H, W) instead of channel blocks.
package struct NaiveFirstConvolution {
  package let images: Int
  package let outputChannels: Int
  package let height: Int
  package let width: Int

  package init(images: Int, outputChannels: Int, height: Int, width: Int) {
    (self.images, self.outputChannels, self.height, self.width) = (images, outputChannels, height, width)
  }

  private var channels16: NaiveConvolution {
    NaiveConvolution(images: images, inputChannels: 16, outputChannels: outputChannels, height: height, width: width)
  }

  /// The planes as a channel block whose last 13 channels are 0.
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

  /// Weights [K][3][3][3], output (N, K/16, H, W, 16).
  package func apply(_ planes: [Float], weights: [Float], bias: [Float]?, rectified: Bool) -> [Float] {
    var wide = [Float](repeating: 0, count: outputChannels * 16 * 9)
    for k in 0..<outputChannels { for tap in 0..<27 { wide[k * 144 + tap] = weights[k * 27 + tap] } }
    return channels16.apply(blocked(planes), weights: wide, bias: bias, rectified: rectified)
  }

  /// The gradient by the weights, [K][3][3][3].
  package func weightGradient(_ planes: [Float], outputGradient: [Float]) -> [Float] {
    let wide = channels16.weightGradient(blocked(planes), outputGradient: outputGradient)
    return (0..<outputChannels * 27).map { wide[$0 / 27 * 144 + $0 % 27] }
  }
}
