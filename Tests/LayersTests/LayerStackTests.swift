// Layer stacks: the memory that layers share, the order of their announcements, and access by name.
import Compute
import Layers
import TestSupport
import Testing

/// A layer that only records which memory it was given for its output.
private struct ProbeSpec: LayerSpec {
  /// The kinds of memory, in the order in which layers were made.
  final class Log: @unchecked Sendable { var memory: [String] = [] }

  let name: String
  let input: ActivationShape
  let backwardReadsOutput: Bool
  let backwardFreesInput: Bool
  let log: Log

  var output: ActivationShape { input }

  func makeLayer(_ resources: LayerResources) -> any Layer {
    switch resources.outputMemory {
    case .own: log.memory.append("own")
    case .shared: log.memory.append("shared")
    case .gradients: log.memory.append("gradients")
    }
    return ProbeLayer(output: .maps(resources.outputMaps(output)))
  }
}

private final class ProbeLayer: Layer {
  let output: Activation
  init(output: Activation) { self.output = output }
  func forward(_ pass: ForwardPass) {}
  func backward(_ pass: BackwardPass) {}
}

/// A layer as it is, except that its output always has memory of its own.
private struct UnsharedSpec: LayerSpec {
  let base: any LayerSpec
  var name: String { base.name }
  var input: ActivationShape { base.input }
  var output: ActivationShape { base.output }
  var parameters: [ParameterSpec] { base.parameters }
  var statistics: [ParameterSpec] { base.statistics }
  var backwardReadsOutput: Bool { true }
  func makeLayer(_ resources: LayerResources) -> any Layer { base.makeLayer(resources) }
}

@Suite struct LayerStackTests {
  private let shape = ActivationShape(.maps, channels: 16, size: 8)

  /// Two normalized convolutions and the scores. The backward pass of the scores alone reads the second one's output.
  private func decoder(unshared: Bool = false) -> LayerList {
    var list = LayerList(section: "n", input: shape)
    list.transposedConvolution3x3("deconv1", 32, normalization: .authors)
    list.transposedConvolution3x3("deconv2", 16, normalization: .authors)
    list.pixelScore("score")
    if !unshared { return list }
    var other = LayerList(section: "n", input: shape)
    for spec in list.specs { other.append(UnsharedSpec(base: spec)) }
    return other
  }

  private func memory(_ purpose: NetworkPurpose, kept: Bool) -> [String] {
    let log = ProbeSpec.Log()
    var list = LayerList(section: "n", input: shape)
    for (index, flags) in [(false, false), (true, true), (false, true), (true, false), (false, false)].enumerated() {
      list.append(
        ProbeSpec(
          name: "n.\(index)", input: shape, backwardReadsOutput: flags.0, backwardFreesInput: flags.1, log: log),
        keepsOutput: kept && index == 2)
    }
    _ = SampleNetwork(list, purpose: purpose)
    return log.memory
  }

  @Test("In training an output shares memory with gradients only if nothing reads it before the next layer frees it.")
  func trainingMemory() {
    // Layers 0 and 1 are followed by one that frees its input; layer 1 reads its own output in the backward pass.
    #expect(memory(.training, kept: false) == ["gradients", "own", "own", "own", "own"])
  }

  @Test("In inference outputs share two buffers, except those that are kept.") func inferenceMemory() {
    #expect(memory(.inference, kept: false) == Array(repeating: "shared", count: 5))
    #expect(memory(.inference, kept: true) == ["shared", "shared", "own", "shared", "shared"])
  }

  @Test("The output before the scores lies in the gradients' memory.") func sharedMemory() {
    let network = SampleNetwork(decoder())
    let shared = network.buffer.first(channels: 16, height: 8, width: 8).data
    #expect(network.stack.layers.map(\.output).prefix(2).map { $0.maps.data == shared } == [false, true])
    let other = SampleNetwork(decoder(unshared: true))
    let first = other.buffer.first(channels: 16, height: 8, width: 8).data
    #expect(other.stack.layers.map(\.output).prefix(2).allSatisfy { $0.maps.data != first })
  }

  @Test("Sharing memory between outputs and gradients changes no bit of a step.") func sharingChangesNoBit() {
    let networks = [false, true].map { SampleNetwork(decoder(unshared: $0), smooth: false) }
    for network in networks { network.forward() }
    #expect(identical(networks[0].output, networks[1].output))
    let gradients = networks.map { $0.backward() }
    #expect(identical(gradients[0].all, gradients[1].all))
    #expect(identical(gradients[0].input!, gradients[1].input!))
    #expect(gradients[0].input!.contains { $0 != 0 })
  }

  @Test("A whole chain's gradients equal differences.") func chainGradients() {
    #expect(
      SampleNetwork(decoder(), smooth: false).gradientFailures(step: .relative(3e-4), tolerance: (0.02, 0.05), ulps: 10)
        == [])
  }

  @Test("Inference without batch normalization gives the bits of training.") func inferenceEqualsTraining() {
    var list = LayerList(section: "n", input: ActivationShape(.planes, channels: 3, size: 12))
    list.convolution3x3("first", 16, normalization: nil)
    list.convolution3x3("second", 32, normalization: nil)
    list.maxPooling("pool")
    list.fullyConvolutional("fc", 48, kernel: 2, gradient: .factored)
    list.score("score", classes: 3)
    let outputs = [NetworkPurpose.training, .inference].map { purpose in
      let network = SampleNetwork(list, purpose: purpose, smooth: false)
      network.forward()
      return network.output
    }
    #expect(identical(outputs[0], outputs[1]))
  }

  @Test("Changed weights reach the kernels after `weightsChange`, and not before.") func weightsChange() {
    let network = SampleNetwork(decoder())
    let before = network.loss()
    for index in network.parameters["n.deconv1.weight"].indices { network.parameters["n.deconv1.weight"][index] *= -1 }
    network.stack.forward(ForwardPass(planes: network.planes.pointer))
    let unchanged = network.output
    #expect(network.loss() != before)
    #expect(!identical(unchanged, network.output))
  }

  @Test("Layers are found by name and type.") func access() {
    let network = SampleNetwork(decoder())
    #expect(network.stack.layers(of: Convolution3x3Layer.self).count == 2)
    #expect(network.stack.layer("n.score", as: PixelScoreLayer.self) === network.stack.layers[2])
    #expect(network.stack.output.planes === network.stack.layer("n.score", as: PixelScoreLayer.self).scores)
  }

  // MARK: Announcements

  private final class Announcements: ParameterSynchronization {
    var needed: [String] = []
    var complete: [String] = []
    var stages: [Stage] = []
    func need(_ layer: LayerParameters) { needed.append(layer.name) }
    func gradientIsComplete(of layer: LayerParameters) { complete.append(layer.name) }
    func reached(_ stage: Stage) { stages.append(stage) }
  }

  /// Every kind of layer with parameters.
  private func everyKind() -> [LayerList] {
    var up = LayerList(section: "n", input: ActivationShape(.planes, channels: 3, size: 12))
    up.convolution3x3("first", 16, normalization: .vgg16BN)
    up.convolution3x3("second", 32, normalization: nil)
    up.maxPooling("pool")
    up.fullyConvolutional("fc6", 48, kernel: 2, gradient: .factored)
    up.score("score", classes: 3)
    up.scorePooling("pooling")
    var down = LayerList(section: "n", input: ActivationShape(.maps, channels: 16, size: 4))
    down.normalizedConcatenation("join", normalizations: ["a_bn"], style: .authors)
    down.fullyConvolutional("fc6", 48, kernel: 2, gradient: .factored, normalization: .authors)
    down.transposedFullyConvolutional("fc6_deconv", 32, kernel: 2, normalization: .authors)
    down.transposedConvolution3x3("deconv", 16, normalization: .authors)
    down.pixelScore("score")
    return [up, down]
  }

  @Test("Training waits for each layer's parameters in order and completes their gradients in reverse order.")
  func announcementsInTraining() {
    for list in everyKind() {
      let network = SampleNetwork(list)
      let announcements = Announcements()
      network.context.synchronization = announcements
      let layers = list.parameterTable.layers.map(\.name)
      network.forward()
      #expect(announcements.needed == layers && announcements.complete.isEmpty)
      announcements.needed = []
      _ = network.backward()
      #expect(announcements.complete == layers.reversed() && announcements.needed.isEmpty)
      #expect(!announcements.stages.isEmpty && announcements.stages.allSatisfy { $0.layer.hasPrefix("n.") })
    }
  }

  @Test("Inference waits for no parameters, since none change.") func announcementsInInference() {
    for list in everyKind() {
      let network = SampleNetwork(list, purpose: .inference)
      let announcements = Announcements()
      network.context.synchronization = announcements
      network.forward()
      #expect(announcements.needed.isEmpty && announcements.complete.isEmpty)
    }
  }
}
