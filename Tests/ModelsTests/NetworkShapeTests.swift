// Sizes, names, shapes and multipliers of the paper's network, written out from the authors' files (docs/reference.md
// sections 2, 3, 5 and 9), and how they follow width and input side.
import Models
import Compute
import Testing

@Suite struct NetworkShapeTests {
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

  func parameters(_ table: ParameterTable, _ name: String) throws -> (weight: ParameterSpec, bias: ParameterSpec) {
    let weight = try #require(table.index(of: "\(name).weight"))
    let bias = try #require(table.index(of: "\(name).bias"))
    return (table.parameters[weight], table.parameters[bias])
  }

  @Test func classificationIsVGG16() throws {
    let table = Self.paper.classificationParameters()
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
    #expect(Self.paper.classificationStatistics().parameters.isEmpty)
    let equal = Self.paper.classificationParameters(scoreMultiplier: 1)
    let (weight, bias) = try parameters(equal, "classification.score")
    #expect(weight.rateMultiplier == 1 && bias.rateMultiplier == 2)
  }

  /// 173,089,090 weights and biases; beside them 18,816 batch-norm scales and shifts, which are trained too.
  @Test func segmentationHasTheAuthorsLayers() throws {
    let table = Self.paper.segmentationParameters()
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

    let statistics = Self.paper.segmentationStatistics()
    #expect(statistics.parameters.count == 2 * normalizations.count && statistics.scalarCount == 18_816)
    for (name, channels) in normalizations {
      for part in ["mean", "variance"] {
        let parameter = statistics.parameters[try #require(statistics.index(of: "\(name).\(part)"))]
        #expect(parameter.shape == [channels], "\(name).\(part)")
      }
    }
  }

  @Test func batchNormalizationFollowsEachConvolutionOfTheClassification() throws {
    let shape = NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: true)
    let (table, statistics) = (shape.classificationParameters(), shape.classificationStatistics())
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
    #expect(shape.segmentationParameters().parameters == Self.paper.segmentationParameters().parameters)
  }

  @Test(arguments: [(64, 1, 2), (96, 2, 2), (128, 3, 2), (160, 4, 2), (224, 5, 3), (320, 7, 4), (32, 1, 1)])
  func theKernelOfFc6FollowsTheInput(inputSize: Int, kernel: Int, scoreSize: Int) {
    let shape = NetworkShape(width: 0.25, inputSize: inputSize, classes: 3, batchNormalization: false)
    #expect(shape.pool5Size == inputSize / 32)
    #expect(shape.fc6Kernel == kernel && shape.scoreSize == scoreSize && shape.scorePixels == scoreSize * scoreSize)
    let table = shape.classificationParameters()
    let fc6 = table.parameters[table.index(of: "classification.fc6.weight")!]
    #expect(fc6.shape == [1024, 128, kernel, kernel])
    let bridge = shape.segmentationParameters()
    #expect(bridge.parameters[bridge.index(of: "bridging.fc6.weight")!].shape == [512, 256, kernel, kernel])
    #expect(bridge.parameters[bridge.index(of: "bridging.fc6_deconv.weight")!].shape == [512, 128, kernel, kernel])
  }

  @Test func channelsAreRoundedUpToTheBlock() {
    func channels(_ n: Int, _ width: Double) -> Int {
      NetworkShape(width: width, inputSize: 64, classes: 1, batchNormalization: false).channels(n)
    }
    #expect([64, 128, 256, 512, 4096].map { channels($0, 1) } == [64, 128, 256, 512, 4096])
    #expect([64, 128, 256, 512, 4096].map { channels($0, 0.25) } == [16, 32, 64, 128, 1024])
    #expect([64, 128, 256, 512, 4096].map { channels($0, 0.0625) } == [16, 16, 16, 32, 256])
    // 0.3: 19.2 -> 19 -> 32, 38.4 -> 38 -> 48, 76.8 -> 77 -> 80.
    #expect([64, 128, 256].map { channels($0, 0.3) } == [32, 48, 80])
    #expect(channels(64, 0.001) == 16)
  }

  @Test func blocksConnect() {
    for width in [1, 0.3, 0.0625] {
      let shape = NetworkShape(width: width, inputSize: 64, classes: 1, batchNormalization: true)
      let (up, down) = (shape.classificationBlocks, shape.segmentationBlocks)
      #expect(up.map(\.count) == [2, 2, 3, 3, 3] && down.map(\.count) == [3, 3, 3, 2, 2])
      var channels = 3
      for layer in up.joined() {
        #expect(layer.inputChannels == channels)
        channels = layer.outputChannels
      }
      for layer in down.joined() {
        #expect(layer.inputChannels == channels)
        channels = layer.outputChannels
      }
      // Unpooling number b takes as many channels as pooling number b gave.
      for b in 0..<5 { #expect(down[4 - b][0].inputChannels == up[b].last!.outputChannels) }
    }
  }

  @Test func theShapeTravelsAsText() {
    for shape in [Self.paper, NetworkShape(width: 0.0625, inputSize: 96, classes: 3, batchNormalization: true)] {
      #expect(NetworkShape(text: shape.text) == shape)
      #expect(!shape.text.contains("\n"))
    }
    for text in [
      "", "{}", "VGG16", #"{"batchNormalization":false,"classes":20,"inputSize":100,"width":1}"#,
      #"{"batchNormalization":false,"classes":0,"inputSize":96,"width":1}"#,
      #"{"batchNormalization":false,"classes":20,"inputSize":0,"width":1}"#,
      #"{"batchNormalization":false,"classes":20,"inputSize":96,"width":-1}"#,
      #"{"batchNormalization":false,"classes":255,"inputSize":96,"width":1}"#,
      #"{"classes":20,"inputSize":96,"width":1}"#,
    ] {
      #expect(NetworkShape(text: text) == nil, "\(text)")
    }
  }
}
