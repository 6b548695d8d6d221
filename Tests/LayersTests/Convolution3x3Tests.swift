// 3x3 convolutions, plain and transposed: gradients against differences, and values against the naive twin.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct Convolution3x3Tests {
  private let classificationStyle = BatchNormalizationStyle.vgg16BN

  /// conv4_1 goes from 16 channels to 32, deconv4_3 from 32 to 16.
  private func list(_ layout: WeightLayout, normalized: Bool, size: Int) -> LayerList {
    if layout == .convolution {
      var list = LayerList(section: "classification", input: ActivationShape(.maps, channels: 16, size: size))
      list.convolution3x3("conv4_1", 32, normalization: normalized ? classificationStyle : nil)
      return list
    }
    // No function appends a transposed convolution without normalization, since no network has one.
    var list = LayerList(section: "segmentation", input: ActivationShape(.maps, channels: 32, size: size))
    list.transposedConvolution3x3("deconv4_3", 16, normalization: classificationStyle)
    return list
  }

  static let kinds: [(WeightLayout, Bool)] = [(.convolution, false), (.convolution, true), (.transposed, true)]

  @Test("The gradients of input, weights, biases, scales and shifts equal differences.", arguments: kinds, [4, 11])
  func gradientsEqualDifferences(kind: (layout: WeightLayout, normalized: Bool), size: Int) {
    let network = SampleNetwork(
      list(kind.layout, normalized: kind.normalized, size: size), biases: kind.normalized ? 0.3 : 6)
    #expect(network.gradientFailures() == [])
  }

  @Test("The backward pass writes the gradients of the layer's own parameters only.", arguments: kinds)
  func onlyOwnGradientsAreWritten(kind: (layout: WeightLayout, normalized: Bool)) {
    var list = list(kind.layout, normalized: kind.normalized, size: 4)
    if kind.layout == .convolution {
      list.convolution3x3("conv4_2", 48, normalization: kind.normalized ? classificationStyle : nil)
    } else {
      list.transposedConvolution3x3("deconv3_1", 48, normalization: classificationStyle)
    }
    let network = SampleNetwork(list)
    network.forward()
    let gradient = network.backward(layers: 1)
    for parameter in list.parameterTable.parameters {
      let values = gradient[parameter.name]
      if parameter.layer == list.specs[0].name {
        #expect(values.allSatisfy { $0 == 0 }, "\(parameter.name)")
      } else if parameter.role != .bias || !kind.normalized {
        #expect(values.contains { $0 != 0 }, "\(parameter.name)")
      }
    }
  }

  @Test("The bias's gradient is exactly zero where batch normalization follows.")
  func biasBeforeNormalizationHasNoGradient() {
    let network = SampleNetwork(list(.convolution, normalized: true, size: 4))
    network.forward()
    #expect(network.backward()["classification.conv4_1.bias"].allSatisfy { $0 == 0 })
  }

  @Test("Forward passes of both layouts equal the naive twins, with stored statistics in inference.", arguments: kinds)
  func inferenceEqualsTheNaiveTwin(kind: (layout: WeightLayout, normalized: Bool)) {
    let list = list(kind.layout, normalized: kind.normalized, size: 7)
    let network = SampleNetwork(list, purpose: .inference, smooth: false)
    network.stack.prepare()
    network.stack.forward(ForwardPass(planes: network.planes.pointer))
    let spec = list.specs[0]
    let naive = NaiveConvolution(
      images: 2, inputChannels: spec.input.channels, outputChannels: spec.output.channels, height: 7, width: 7)
    let (input, weights) = (network.input, network.values("\(spec.name).weight"))
    let bias = network.values("\(spec.name).bias")
    let plain =
      kind.layout == .convolution
      ? naive.apply(input, weights: weights, bias: bias, rectified: false)
      : naive.applyTransposed(input, weights: weights, bias: bias, rectified: false)
    var truth = spec.output.naive(images: 2, blocked: plain)
    if kind.normalized {
      let (scale, shift) = (network.values("\(spec.name).bn.scale"), network.values("\(spec.name).bn.shift"))
      let (mean, variance) = (
        network.values("\(spec.name).bn.mean"), network.values("\(spec.name).bn.variance")
      )
      truth = truth.like { n, c, y, x in
        Double(scale[c]) * (truth[n, c, y, x] - Double(mean[c])) / (Double(variance[c]) + 1e-5).squareRoot()
          + Double(shift[c])
      }
    }
    truth = truth.like { n, c, y, x in max(truth[n, c, y, x], 0) }
    #expect(relativeError(network.stack.output.maps.naive.values.map { Float($0) }, truth.values) < 1e-5)
    #expect(truth.values.contains(0) && truth.values.contains { $0 > 0 })
  }

  @Test("The layer declares its weights, multiply-adds and the memory that its backward pass reads.")
  func declarations() {
    let plain = list(.convolution, normalized: false, size: 11).specs[0]
    let normalized = list(.convolution, normalized: true, size: 11).specs[0]
    let transposed = list(.transposed, normalized: true, size: 11).specs[0]
    #expect(plain.parameters.map(\.shape) == [[32, 16, 3, 3], [32]])
    #expect(transposed.parameters.map(\.shape) == [[32, 16, 3, 3], [16], [16], [16]])
    #expect(
      normalized.parameters.map(\.role) == [.weight, .bias, .batchNormScale, .batchNormShift]
        && normalized.statistics.map(\.role) == [.batchNormMean, .batchNormVariance] && plain.statistics.isEmpty)
    for spec in [plain, normalized, transposed] {
      #expect(spec.multiplyAdds == 16 * 32 * 9 * 121 && spec.backwardMultiplyAdds == 2 * spec.multiplyAdds)
    }
    #expect(plain.backwardReadsOutput && !normalized.backwardReadsOutput && !transposed.backwardReadsOutput)
  }
}
