// The naive twins of the 3x3 convolutions: each result by its definition, summed in Double.
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
    self.images = images
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.height = height
    self.width = width
  }

  private func index(channels: Int, image: Int, channel: Int, y: Int, x: Int) -> Int {
    (((image * (channels / 16) + channel / 16) * height + y) * width + x) * 16 + channel % 16
  }

  private func isInside(_ y: Int, _ x: Int) -> Bool { y >= 0 && y < height && x >= 0 && x < width }

  /// Calls `body` with every pair of an input and an output pixel that a tap (0..<9) connects.
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

  /// Returns y[k] = bias[k] + sum over c and taps of w[k][c][tap] x[c], rectified at 0 if asked. Weights [K][C][3][3].
  package func apply(_ input: [Float], weights: [Float], bias: [Float]?, rectified: Bool) -> [Float] {
    var output = [Double](repeating: 0, count: images * outputChannels * height * width)
    for image in 0..<images {
      for k in 0..<outputChannels {
        for y in 0..<height {
          for x in 0..<width {
            output[index(channels: outputChannels, image: image, channel: k, y: y, x: x)] = Double(bias?[k] ?? 0)
          }
        }
      }
    }
    forEachTap { image, tap, from, to in
      for k in 0..<outputChannels {
        var sum = 0.0
        for c in 0..<inputChannels {
          sum +=
            Double(weights[(k * inputChannels + c) * 9 + tap])
            * Double(input[index(channels: inputChannels, image: image, channel: c, y: from.0, x: from.1)])
        }
        output[index(channels: outputChannels, image: image, channel: k, y: to.0, x: to.1)] += sum
      }
    }
    return output.map { Float(rectified ? max($0, 0) : $0) }
  }

  /// Returns the gradient of `apply` (without bias and rectification) with respect to its input. Weights [K][C][3][3].
  package func dataGradient(_ outputGradient: [Float], weights: [Float]) -> [Float] {
    var gradient = [Double](repeating: 0, count: images * inputChannels * height * width)
    forEachTap { image, tap, from, to in
      for k in 0..<outputChannels {
        let value = Double(outputGradient[index(channels: outputChannels, image: image, channel: k, y: to.0, x: to.1)])
        for c in 0..<inputChannels {
          gradient[index(channels: inputChannels, image: image, channel: c, y: from.0, x: from.1)] +=
            Double(weights[(k * inputChannels + c) * 9 + tap]) * value
        }
      }
    }
    return gradient.map { Float($0) }
  }

  /// Returns the gradient of `apply` with respect to its weights, [K][C][3][3].
  package func weightGradient(_ input: [Float], outputGradient: [Float]) -> [Float] {
    var gradient = [Double](repeating: 0, count: outputChannels * inputChannels * 9)
    forEachTap { image, tap, from, to in
      for k in 0..<outputChannels {
        let value = Double(outputGradient[index(channels: outputChannels, image: image, channel: k, y: to.0, x: to.1)])
        for c in 0..<inputChannels {
          gradient[(k * inputChannels + c) * 9 + tap] +=
            Double(input[index(channels: inputChannels, image: image, channel: c, y: from.0, x: from.1)]) * value
        }
      }
    }
    return gradient.map { Float($0) }
  }

  /// Returns the transposed convolution: every input pixel adds its kernel to the outputs around it. Weights
  /// [C][K][3][3].
  package func applyTransposed(_ input: [Float], weights: [Float], bias: [Float]?, rectified: Bool) -> [Float] {
    let adjoint = NaiveConvolution(
      images: images, inputChannels: outputChannels, outputChannels: inputChannels, height: height, width: width)
    var output = adjoint.dataGradient(input, weights: weights)
    for image in 0..<images {
      for k in 0..<outputChannels {
        for y in 0..<height {
          for x in 0..<width {
            let place = index(channels: outputChannels, image: image, channel: k, y: y, x: x)
            output[place] += bias?[k] ?? 0
            if rectified { output[place] = max(output[place], 0) }
          }
        }
      }
    }
    return output
  }
}
