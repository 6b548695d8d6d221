// Batch normalization over the shard and with stored statistics.
import Compute
import Kernels
import Layers
import TestSupport
import Testing

@Suite struct BatchNormalizationTests {
  private func network(_ style: BatchNormalizationStyle, purpose: NetworkPurpose = .training) -> SampleNetwork {
    // The concatenation of a single input is a normalization without anything else.
    var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 32, height: 3, width: 5))
    list.normalizedConcatenation("join", normalizations: ["bn"], style: style)
    return SampleNetwork(list, images: 3, purpose: purpose, smooth: false)
  }

  @Test(
    "Training normalizes with the shard's own statistics and keeps them.",
    arguments: [BatchNormalizationStyle.authors, .vgg16BN])
  func ownStatistics(style: BatchNormalizationStyle) {
    let network = network(style)
    network.forward()
    let input = network.inputs[0].maps.naive
    let (scale, shift) = (network.values("n.bn.scale"), network.values("n.bn.shift"))
    let truth = NaiveBatchNormalization.forward(
      input, scale: doubles(scale), shift: doubles(shift), epsilon: Double(style.epsilon), rectified: false)
    #expect(relativeError(network.stack.output.maps.naive.values.map { Float($0) }, truth.values) < 2e-6)
    let gathered = ParameterVector(network.list.statisticsTable)
    network.stack.copyStatistics(into: gathered)
    let (mean, variance) = NaiveBatchNormalization.statistics(input)
    #expect(relativeError(gathered["n.bn.mean"], mean) < 1e-6)
    #expect(relativeError(gathered["n.bn.variance"], variance) < 1e-6)
  }

  @Test("Inference normalizes with the stored statistics, whatever the shard holds.") func storedStatistics() {
    let network = network(.vgg16BN, purpose: .inference)
    network.stack.prepare()
    network.stack.forward(ForwardPass(planes: network.planes.pointer))
    let (scale, shift) = (network.values("n.bn.scale"), network.values("n.bn.shift"))
    let (mean, variance) = (network.values("n.bn.mean"), network.values("n.bn.variance"))
    let input = network.inputs[0].maps.naive
    let truth = input.like { n, c, y, x in
      Double(scale[c]) * (input[n, c, y, x] - Double(mean[c])) / (Double(variance[c]) + 1e-5).squareRoot()
        + Double(shift[c])
    }
    #expect(relativeError(network.stack.output.maps.naive.values.map { Float($0) }, truth.values) < 2e-6)
  }

  @Test("The constants are the authors' and VGG16-BN's.") func constants() {
    #expect(BatchNormalizationStyle.authors.epsilon == 1e-9 && BatchNormalizationStyle.vgg16BN.epsilon == 1e-5)
    for initialization in Initialization.allCases {
      #expect(BatchNormalizationStyle.authors.initialShift[initialization] == .constant(0.001))
    }
    #expect(BatchNormalizationStyle.vgg16BN.initialShift[.gaussian] == .constant(0.001))
    #expect(BatchNormalizationStyle.vgg16BN.initialShift[.he] == .constant(0))
  }

  @Test("Scales and shifts learn at the plain rate and decay.") func parameters() {
    let list = network(.authors).list
    #expect(list.parameterTable.parameters.map(\.role) == [.batchNormScale, .batchNormShift])
    #expect(list.parameterTable.parameters.allSatisfy { $0.rateMultiplier == 1 && $0.decayMultiplier == 1 })
    #expect(list.statisticsTable.parameters.map(\.role) == [.batchNormMean, .batchNormVariance])
    #expect(list.statisticsTable.parameters.map { $0.initial[.he] } == [.constant(0), .constant(1)])
  }
}
