// Folding of stored statistics into the weights beside them: the folded network gives the same outputs.
import Compute
import Layers
import TestSupport
import Testing

@Suite struct BatchNormalizationFoldingTests {
  /// Every kind of layer that folds a normalization of its own, and one that leaves its to the next layer.
  private func list(_ style: BatchNormalizationStyle?) -> LayerList {
    var list = LayerList(section: "n", input: ActivationShape(.planes, channels: 3, size: 12))
    list.convolution3x3("first", 16, normalization: style)
    list.convolution3x3("second", 32, normalization: style)
    list.maxPooling("pool")
    return list
  }

  private var bridge: LayerList {
    var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 16, size: 4))
    list.normalizedConcatenation("join", normalizations: ["a_bn", "b_bn"], style: .authors)
    list.fullyConvolutional("fc6", 48, kernel: 2, gradient: .factored, normalization: .authors)
    list.fullyConvolutional("fc7", 48, kernel: 1, gradient: .factored, normalization: .authors)
    list.transposedFullyConvolutional("fc6_deconv", 32, kernel: 2, normalization: .authors)
    list.transposedConvolution3x3("deconv", 16, normalization: .authors)
    list.pixelScore("score")
    return list
  }

  private func output(_ network: SampleNetwork) -> [Float] {
    network.stack.prepare()
    network.stack.forward(ForwardPass(planes: network.planes.pointer))
    return network.output
  }

  /// Folded weights with normalizations that do nothing.
  private func withIdentities(_ folded: ParameterVector, _ network: SampleNetwork) -> SampleNetwork {
    let other = SampleNetwork(network.list, inputs: network.inputs.count, purpose: .inference)
    for (index, parameter) in other.parameters.table.parameters.enumerated() {
      if folded.table.index(of: parameter.name) != nil {
        _ = other.parameters[index].update(fromContentsOf: folded[parameter.name])
      } else {
        other.parameters[index].update(repeating: parameter.role == .batchNormScale ? 1 : 0)
      }
    }
    for (index, parameter) in other.statistics.table.parameters.enumerated() {
      other.statistics[index].update(repeating: parameter.role == .batchNormVariance ? 1 : 0)
    }
    return other
  }

  @Test("Folded 3x3 convolutions give the same outputs without any normalization.") func convolutions() {
    let network = SampleNetwork(list(.vgg16BN), purpose: .inference, smooth: false)
    let folded = BatchNormalizationFolding(
      network.list, parameters: network.parameters, statistics: network.statistics
    ).folded
    let plain = SampleNetwork(list(nil), purpose: .inference, parameters: folded)
    #expect(folded.table.parameters.map(\.name) == list(nil).parameterTable.parameters.map(\.name))
    let (wanted, found) = (output(network), output(plain))
    #expect(relativeError(found, doubles(wanted)) < 1e-5)
    #expect(wanted.contains { $0 > 0 })
  }

  @Test("A folded bridge and decoder give the same scores with normalizations that do nothing.") func bridgeAndDecoder()
  {
    let network = SampleNetwork(bridge, inputs: 2, purpose: .inference, smooth: false)
    let folded = BatchNormalizationFolding(
      network.list, parameters: network.parameters, statistics: network.statistics
    ).folded
    #expect(folded.table.parameters.allSatisfy { $0.role == .weight || $0.role == .bias })
    let (wanted, found) = (output(network), output(withIdentities(folded, network)))
    #expect(relativeError(found, doubles(wanted)) < 2e-5)
    // Unfolded weights with the same identities give other scores.
    let untouched = ParameterVector(folded.table)
    for parameter in folded.table.parameters {
      _ = untouched[parameter.name].update(fromContentsOf: network.parameters[parameter.name])
    }
    #expect(relativeError(output(withIdentities(untouched, network)), doubles(wanted)) > 1e-2)
  }
}
