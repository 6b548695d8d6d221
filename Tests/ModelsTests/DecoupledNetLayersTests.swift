// Tests of the names, shapes and multipliers of the paper's network, taken from the authors' files (docs/reference.md
// sections 2, 3, 5 and 9), and of their dependence on width and input size.
import Compute
import Layers
import Models
import Testing

@Suite struct DecoupledNetLayersTests {
  static let paper = NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false)

  /// Name, input channels, output channels, kernel side, parameters.
  static let classification = [
    ("conv1_1", 3, 64, 3, 1_792), ("conv1_2", 64, 64, 3, 36_928), ("conv2_1", 64, 128, 3, 73_856),
    ("conv2_2", 128, 128, 3, 147_584), ("conv3_1", 128, 256, 3, 295_168), ("conv3_2", 256, 256, 3, 590_080),
    ("conv3_3", 256, 256, 3, 590_080), ("conv4_1", 256, 512, 3, 1_180_160), ("conv4_2", 512, 512, 3, 2_359_808),
    ("conv4_3", 512, 512, 3, 2_359_808), ("conv5_1", 512, 512, 3, 2_359_808), ("conv5_2", 512, 512, 3, 2_359_808),
    ("conv5_3", 512, 512, 3, 2_359_808), ("fc6", 512, 4096, 7, 102_764_544), ("fc7", 4096, 4096, 1, 16_781_312),
    ("score", 4096, 20, 1, 81_940),
  ]

  /// The same, transposed layers with in and out exchanged in the weights' shape.
  static let segmentation = [
    ("bridging.fc6", 1024, 2048, 7, 102_762_496), ("bridging.fc7", 2048, 2048, 1, 4_196_352),
    ("bridging.fc6_deconv", 2048, 512, 7, 51_380_736), ("segmentation.deconv5_1", 512, 512, 3, 2_359_808),
    ("segmentation.deconv5_2", 512, 512, 3, 2_359_808), ("segmentation.deconv5_3", 512, 512, 3, 2_359_808),
    ("segmentation.deconv4_1", 512, 512, 3, 2_359_808), ("segmentation.deconv4_2", 512, 512, 3, 2_359_808),
    ("segmentation.deconv4_3", 512, 256, 3, 1_179_904), ("segmentation.deconv3_1", 256, 256, 3, 590_080),
    ("segmentation.deconv3_2", 256, 256, 3, 590_080), ("segmentation.deconv3_3", 256, 128, 3, 295_040),
    ("segmentation.deconv2_1", 128, 128, 3, 147_584), ("segmentation.deconv2_2", 128, 64, 3, 73_792),
    ("segmentation.deconv1_1", 64, 64, 3, 36_928), ("segmentation.deconv1_2", 64, 64, 3, 36_928),
    ("segmentation.score", 64, 2, 1, 130),
  ]

  private func parameters(_ table: ParameterTable, _ name: String) throws -> (
    weight: ParameterSpec, bias: ParameterSpec
  ) {
    let weight = try #require(table.index(of: "\(name).weight"))
    let bias = try #require(table.index(of: "\(name).bias"))
    return (table.parameters[weight], table.parameters[bias])
  }

  @Test("The classification network is VGG16, and its score layer learns faster.") func classificationIsVGG16() throws {
    let table = DecoupledNet.classificationLayers(Self.paper, scoreRateMultiplier: 10).parameterTable
    for (layer, inputs, outputs, kernel, count) in Self.classification {
      let (weight, bias) = try parameters(table, "classification.\(layer)")
      #expect(weight.shape == [outputs, inputs, kernel, kernel] && bias.shape == [outputs], "\(layer)")
      #expect(weight.count + bias.count == count, "\(layer)")
      let faster: Float = layer == "score" ? 10 : 1
      #expect(weight.role == .weight && weight.rateMultiplier == faster && weight.decayMultiplier == 1, "\(layer)")
      #expect(bias.role == .bias && bias.rateMultiplier == 2 * faster && bias.decayMultiplier == 0, "\(layer)")
    }
    #expect(table.parameters.count == 2 * Self.classification.count)
    #expect(table.scalarCount == 134_342_484)
    #expect(DecoupledNet.classificationLayers(Self.paper).statisticsTable.parameters.isEmpty)
    let equal = DecoupledNet.classificationLayers(Self.paper).parameterTable
    let (weight, bias) = try parameters(equal, "classification.score")
    #expect(weight.rateMultiplier == 1 && bias.rateMultiplier == 2)
  }

  /// 173,089,090 weights and biases; beside them 18,816 batch-norm scales and shifts, which are trained too.
  @Test("The bridging layers and the deconvolution network have the authors' layers.")
  func segmentationHasTheAuthorsLayers() throws {
    let table = DecoupledNet.segmentationLayers(Self.paper).parameterTable
    var normalizations = ["bridging.pool5_bn": 512, "bridging.saliency_bn": 512]
    for (name, inputs, outputs, kernel, count) in Self.segmentation {
      let (weight, bias) = try parameters(table, name)
      let shape = name.contains("deconv") ? [inputs, outputs, kernel, kernel] : [outputs, inputs, kernel, kernel]
      #expect(weight.shape == shape && bias.shape == [outputs], "\(name)")
      #expect(weight.count + bias.count == count, "\(name)")
      #expect(weight.rateMultiplier == 1 && weight.decayMultiplier == 1, "\(name)")
      #expect(bias.rateMultiplier == 2 && bias.decayMultiplier == 0, "\(name)")
      if name != "segmentation.score" { normalizations["\(name).bn"] = outputs }
    }
    for (name, channels) in normalizations {
      for (part, role) in [("scale", ParameterRole.batchNormScale), ("shift", .batchNormShift)] {
        let parameter = table.parameters[try #require(table.index(of: "\(name).\(part)"))]
        #expect(parameter.shape == [channels] && parameter.role == role, "\(name)")
        #expect(parameter.rateMultiplier == 1 && parameter.decayMultiplier == 1, "\(name)")
      }
    }
    #expect(table.parameters.count == 2 * Self.segmentation.count + 2 * normalizations.count)
    let normalized = table.parameters.filter { $0.role == .batchNormScale || $0.role == .batchNormShift }
    #expect(normalized.reduce(0) { $0 + $1.count } == 18_816)
    #expect(table.scalarCount == 173_089_090 + 18_816)

    let statistics = DecoupledNet.segmentationLayers(Self.paper).statisticsTable
    #expect(statistics.parameters.count == 2 * normalizations.count && statistics.scalarCount == 18_816)
    for (name, channels) in normalizations {
      for part in ["mean", "variance"] {
        let parameter = statistics.parameters[try #require(statistics.index(of: "\(name).\(part)"))]
        #expect(parameter.shape == [channels], "\(name).\(part)")
      }
    }
  }

  @Test("Batch normalization follows each 3x3 convolution of the classification network.")
  func batchNormalizationFollowsEachConvolutionOfTheClassification() throws {
    let shape = NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: true)
    let list = DecoupledNet.classificationLayers(shape, scoreRateMultiplier: 10)
    let (table, statistics) = (list.parameterTable, list.statisticsTable)
    var added = 0
    for (layer, _, outputs, kernel, _) in Self.classification where kernel == 3 {
      for part in ["scale", "shift"] {
        #expect(
          table.parameters[try #require(table.index(of: "classification.\(layer).bn.\(part)"))].shape == [outputs])
      }
      for part in ["mean", "variance"] {
        let index = try #require(statistics.index(of: "classification.\(layer).bn.\(part)"))
        #expect(statistics.parameters[index].shape == [outputs])
      }
      added += 2 * outputs
    }
    #expect(table.parameters.count == 2 * 16 + 2 * 13 && statistics.parameters.count == 2 * 13)
    #expect(table.scalarCount == 134_342_484 + added && statistics.scalarCount == added)
    #expect(table.index(of: "classification.fc6.bn.scale") == nil)
    #expect(
      DecoupledNet.segmentationLayers(shape).parameterTable.parameters
        == DecoupledNet.segmentationLayers(Self.paper).parameterTable.parameters)
  }

  @Test(
    "The kernel of fc6 follows the input size.",
    arguments: [(64, 1, 2), (96, 2, 2), (128, 3, 2), (160, 4, 2), (224, 5, 3), (320, 7, 4), (32, 1, 1)])
  func theKernelOfFc6FollowsTheInput(inputSize: Int, kernel: Int, scoreSize: Int) {
    let shape = NetworkShape(width: 0.25, inputSize: inputSize, classes: 3, batchNormalization: false)
    #expect(shape.pool5Size == inputSize / 32)
    #expect(shape.fc6Kernel == kernel && shape.scoreSize == scoreSize)
    let table = DecoupledNet.classificationLayers(shape).parameterTable
    let fc6 = table.parameters[table.index(of: "classification.fc6.weight")!]
    #expect(fc6.shape == [1024, 128, kernel, kernel])
    let bridge = DecoupledNet.segmentationLayers(shape).parameterTable
    #expect(bridge.parameters[bridge.index(of: "bridging.fc6.weight")!].shape == [512, 256, kernel, kernel])
    #expect(bridge.parameters[bridge.index(of: "bridging.fc6_deconv.weight")!].shape == [512, 128, kernel, kernel])
  }

  @Test("Poolings and unpoolings of one number have maps of one shape at every width.", arguments: [1, 0.3, 0.0625])
  func unpoolingsFitTheirPoolings(width: Double) {
    let shape = NetworkShape(width: width, inputSize: 64, classes: 1, batchNormalization: true)
    let up = DecoupledNet.classificationLayers(shape).specs.filter {
      $0.name.contains(".conv") || $0.name.contains(".pool")
    }
    let down = DecoupledNet.segmentationLayers(shape).specs
    #expect(
      (1...5).map { block in up.count { $0.name.hasPrefix("classification.conv\(block)_") } } == [2, 2, 3, 3, 3])
    #expect(
      [5, 4, 3, 2, 1].map { block in down.count { $0.name.hasPrefix("segmentation.deconv\(block)_") } } == [
        3, 3, 3, 2, 2,
      ])
    for (one, next) in zip(up, up.dropFirst()) { #expect(one.output == next.input, "\(next.name)") }
    for (one, next) in zip(down, down.dropFirst()) { #expect(one.output == next.input, "\(next.name)") }
    for block in 1...5 {
      let pooling = up.first { $0.name == "classification.pool\(block)" }!
      let unpooling = down.first { $0.name == "segmentation.unpool\(block)" }!
      #expect(unpooling.input == pooling.output && unpooling.output == pooling.input)
    }
    // The bridging layers start and end at pool5's shape.
    #expect(down.first!.input == up.last!.output)
    #expect(down.first { $0.name == "bridging.fc6_deconv" }!.output == up.last!.output)
  }

  @Test("Factors have a row for each image and position of the score map, and fc6 and fc6_deconv unfold maps.")
  func factorsOfTheLargeMatrices() {
    for list in [DecoupledNet.classificationLayers(Self.paper), DecoupledNet.segmentationLayers(Self.paper)] {
      #expect(list.parameterTable.factorRows(images: 3) == 3 * Self.paper.scoreSize * Self.paper.scoreSize)
    }
    let classification = DecoupledNet.classificationLayers(Self.paper).parameterTable
    let segmentation = DecoupledNet.segmentationLayers(Self.paper).parameterTable
    func factored(_ table: ParameterTable) -> [String] {
      table.parameters.filter { $0.gradient == .factored }.map(\.name)
    }
    #expect(factored(classification) == ["classification.fc6.weight", "classification.fc7.weight"])
    #expect(
      factored(segmentation) == ["bridging.fc6.weight", "bridging.fc7.weight", "bridging.fc6_deconv.weight"])
    #expect(classification.factorUnfoldings(images: 1).keys.sorted() == ["classification.fc6.weight"])
    #expect(
      segmentation.factorUnfoldings(images: 1).keys.sorted() == ["bridging.fc6.weight", "bridging.fc6_deconv.weight"])
    #expect(segmentation.factorUnfoldings(images: 2)["bridging.fc6.weight"]?.mapFloats == 2 * 1024 * 100)
  }

  @Test("Sections separate the bridging layers from the deconvolution network.") func sections() {
    let table = DecoupledNet.segmentationLayers(Self.paper).parameterTable
    #expect(table.parameters.allSatisfy { $0.name.hasPrefix($0.section + ".") })
    #expect(Set(table.parameters.map(\.section)) == ["bridging", "segmentation"])
    #expect(
      Set(DecoupledNet.classificationLayers(Self.paper).parameterTable.parameters.map(\.section)) == ["classification"])
  }
}
