// Tests of the gradients of DecoupledNet's parts and whole steps against differences of their own losses. LayersTests
// checks single layers.
import Batches
import Compute
import Layers
import Models
import TestSupport
import Testing

@Suite struct DecoupledNetGradientTests {
  /// A context for each test, because a context serves one caller at a time.
  let context = ExecutionContext(workers: WorkerPool(threads: 2))

  static func shape(_ batchNormalization: Bool = true, inputSize: Int = 64) -> NetworkShape {
    NetworkShape(width: 0.0625, inputSize: inputSize, classes: 3, batchNormalization: batchNormalization)
  }

  /// The layers of one section of a list.
  private func part(_ list: LayerList, _ section: String) -> LayerList {
    let specs = list.specs.filter { $0.name.hasPrefix(section + ".") }
    var part = LayerList(section: section, input: specs[0].input)
    for spec in specs { part.append(spec) }
    return part
  }

  // MARK: Parts of the network

  /// Dense layers both ways, unfolding and folding, batch normalization on rows and maps.
  @Test("The gradients of the bridging layers equal differences.", arguments: [64, 96])
  func bridging(inputSize: Int) {
    let list = part(DecoupledNet.segmentationLayers(Self.shape(inputSize: inputSize)), "bridging")
    let network = SampleNetwork(list, images: 3, inputs: 2, smooth: false, context: context)
    ReferenceValues.fill(network.inputs[0].values, "pool5", center: 1)
    // The saliency is as small as in new networks: its variance is about 3e-7, and epsilon is 1e-9.
    ReferenceValues.fill(network.inputs[1].values, "saliency", center: 1e-3, amplitude: 1e-3)
    // Batch normalization takes a bias away again, and fc6's the shifts at the input (no padding).
    #expect(
      network.gradientFailures(step: .relative(3e-4), tolerance: (1e-2, 0.08), ulps: 10) {
        $0.name.hasSuffix("_bn.shift")
      } == [])
  }

  /// Five unpoolings and thirteen transposed convolutions with batch normalization, then the score.
  @Test("The gradients of the deconvolution network equal differences.") func segmentationNetwork() {
    let list = part(DecoupledNet.segmentationLayers(Self.shape()), "segmentation")
    var indices: [String: PoolingIndices] = [:]
    for (number, channels) in [16, 16, 16, 32, 32].enumerated() {
      let side = 64 >> (number + 1)
      let own = PoolingIndices(count: 2 * channels * side * side)
      for i in 0..<own.count { own.pointer[i] = UInt8(ReferenceValues.mix(UInt32(i + 1000 * number)) % 4) }
      indices["classification.pool\(number + 1)"] = own
    }
    let network = SampleNetwork(list, smooth: false, poolingIndices: indices, context: context)
    ReferenceValues.fill(network.inputBuffer, "activation")
    #expect(
      network.gradientFailures(step: .relative(3e-4), tolerance: (0.05, 0.15), ulps: 10) == [])
  }

  // MARK: Whole steps, with their losses

  private func failures(
    _ step: any TrainingStep, _ batch: ShardBatch, change: Double, tolerance: (Double, Double), noise: Double,
    vanishes: (ParameterSpec) -> Bool
  ) -> [String] {
    let gradient = step.wholeGradient(images: batch.examples)
    let key = DropoutKey(seed: 1, iteration: 5, firstSlot: 2)
    step.frozenForward(batch)
    func loss() -> Double {
      step.weightsChange()
      return step.forward(batch, key: key).loss
    }
    let value = loss()
    step.backward(batch, gradient: gradient.shard)
    gradient.complete(context.workers)
    let check = GradientCheck(step: .change(change * value), tolerance: tolerance, noise: noise * value, loss: loss)
    return step.parameters.table.parameters.enumerated().flatMap { index, parameter in
      check.failures(
        parameter.name, step.parameters[index], gradient: Array(gradient.vector[index]), vanishes: vanishes(parameter))
    }
  }

  private func batch(masks: Bool) -> ShardBatch {
    ShardBatch(
      planes: ReferenceValues.images(salt: "gradients", examples: 2, size: 96).map { $0 / 60 },
      labels: [1, 0, 1, 0, 1, 0],
      masks: masks ? ReferenceValues.masks(salt: "gradients", examples: 2, size: 96) : nil, examples: 2, size: 96)
  }

  /// Cross-entropy, averaging of the score map, dropout, poolings, corners and all.
  @Test("The classification step's gradients equal differences.", arguments: [false, true], [Float(0), 0.5])
  func classificationStep(batchNormalization: Bool, dropout: Float) {
    let net = DecoupledNet(Self.shape(batchNormalization, inputSize: 96))
    net.initialize(.he, seed: 3)
    ReferenceValues.fill(net.classification.parameters["classification.score.weight"], "score", amplitude: 0.1)
    let step = ClassificationStep(net, images: 2, dropoutRate: dropout, context: context)
    #expect(
      failures(step, batch(masks: false), change: 2e-4, tolerance: (0.06, 0.3), noise: 2e-6) {
        batchNormalization && $0.role == .bias && $0.name.contains("conv")
      } == [])
  }

  @Test("The segmentation step's gradients equal differences.") func segmentationStep() {
    let net = DecoupledNet(Self.shape(false, inputSize: 96))
    net.initialize(.he, seed: 4)
    ReferenceValues.fill(net.classification.parameters["classification.score.weight"], "score", amplitude: 0.1)
    ReferenceValues.fill(net.segmentation.parameters["segmentation.score.weight"], "scores", amplitude: 0.3)
    let step = SegmentationStep(net, images: 2, context: context)
    #expect(
      failures(step, batch(masks: true), change: 2e-5, tolerance: (0.05, 0.35), noise: 5e-7) {
        $0.name.hasSuffix("_bn.shift") || ($0.role == .bias && $0.name != "segmentation.score.bias")
      } == [])
  }
}
