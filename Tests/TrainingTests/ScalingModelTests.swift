// The scaling model on cases whose answer is known by hand.
import Testing
import Training

struct ScalingModelTests {
  typealias Step = IterationTimeline.Step

  /// Two layers of one parameter each, a bucket each: forward 1 + 2 s, backward 4 + 3 s (the second layer first).
  private static let script = IterationTimeline(
    firstForward: [Step(0, .need([0])), Step(1, .stage), Step(0, .need([1])), Step(2, .stage)],
    backward: [Step(4, .complete([1])), Step(3, .complete([0])), Step(0, .stage)])

  private static func model(bytes: Int = 10, ranks: Int = 2, shards: Int = 1, script: IterationTimeline = script)
    -> ScalingModel
  {
    let buckets = [[1], [0]].map { ScalingModel.Bucket(parameters: $0, gradientBytes: bytes, weightBytes: bytes) }
    return ScalingModel(script: script, buckets: buckets, ranks: ranks, shards: shards)
  }

  private func expect(_ prediction: ScalingModel.Prediction, seconds: Double, exposed: Double, transfer: Double) {
    #expect(abs(prediction.seconds - seconds) < 1e-9, "\(prediction)")
    #expect(abs(prediction.exposed - exposed) < 1e-9, "\(prediction)")
    #expect(abs(prediction.transfer - transfer) < 1e-9, "\(prediction)")
  }

  @Test func withAnInfiniteLinkOnlyArithmeticIsLeft() {
    expect(Self.model().predict(), seconds: 10, exposed: 0, transfer: 0)
    expect(Self.model(shards: 3).predict(), seconds: 30, exposed: 0, transfer: 0)
  }

  @Test func aloneNothingTravels() {
    var model = Self.model(ranks: 1)
    (model.bandwidth, model.latency, model.messageSeconds) = (1, 1, 1)
    expect(model.predict(), seconds: 10, exposed: 0, transfer: 0)
  }

  /// 5 s a message. The first gradient goes from 4 to 9, the second from 9 to 14 after the backward pass's 7; the ranks' words
  /// come behind both. Then weights: forward order, layer 0 from 14 to 19, layer 1 to 24. Forward: 19 to 20, 24 to 26.
  @Test func aSlowLinkShowsWhereItIsWaitedFor() {
    var model = Self.model()
    model.bandwidth = 2
    expect(model.predict(), seconds: 26, exposed: 16, transfer: 20)
  }

  /// 1 s a message: the first gradient is hidden, the second is not, and layer 1's weights (9 to 10) come while layer 0 computes.
  @Test func theBackwardPassHidesWhatLeavesEarly() {
    var model = Self.model()
    model.bandwidth = 10
    expect(model.predict(), seconds: 12, exposed: 2, transfer: 4)
  }

  @Test func oneBucketHidesNothing() {
    var model = ScalingModel(
      script: Self.script, buckets: [.init(parameters: [0, 1], gradientBytes: 20, weightBytes: 20)], ranks: 2, shards: 1
    )
    model.bandwidth = 10
    expect(model.predict(), seconds: 14, exposed: 4, transfer: 4)
  }

  /// The fixed network's 6 s of the next minibatch take what would be waited for: its marks come each second.
  @Test func featuresGoAhead() {
    var script = Self.script
    script.features = (0..<6).map { _ in Step(1, .stage) }
    var model = Self.model(script: script)
    model.bandwidth = 10
    model.looksAhead = true
    expect(model.predict(), seconds: 16, exposed: 0, transfer: 4)
    model.looksAhead = false
    expect(model.predict(), seconds: 17, exposed: 1, transfer: 4)
  }

  @Test func latencyCountsOnceAMessage() {
    var model = Self.model()
    model.latency = 0.25
    // Second gradient and words at 7.25; weights of both layers at 7.5.
    expect(model.predict(), seconds: 10.5, exposed: 0.5, transfer: 0)
  }

  /// Factors leave shard by shard; nothing else has to leave for a layer whose every rank updates all of it.
  @Test func factorsLeaveWithEachShard() {
    let script = IterationTimeline(
      firstForward: [Step(0, .need([0])), Step(1, .stage)], backward: [Step(1, .complete([0])), Step(1, .stage)])
    let bucket = ScalingModel.Bucket(
      parameters: [0], way: .replicas, seconds: BucketSeconds(unpack: 0.5, update: 2), gradientBytes: 0, weightBytes: 0)
    var model = ScalingModel(script: script, buckets: [bucket], ranks: 2, shards: 2)
    model.factorBytes = [0: 10]
    model.bandwidth = 10
    // 6 s of passes, 2.5 of arithmetic on the factors, which come at 3 and 6.
    expect(model.predict(), seconds: 8.5, exposed: 0, transfer: 2)
    model.bandwidth = 5
    // The second shard's factors: from 5 to 7.
    expect(model.predict(), seconds: 9.5, exposed: 1, transfer: 4)
  }

  /// Sums that are not stored are computed once all have agreed, and then travel.
  @Test func sumsAreComputedAfterTheAgreement() {
    let bucket = ScalingModel.Bucket(
      parameters: [0], way: .sums, seconds: BucketSeconds(sum: 3, update: 1), gradientBytes: 10, weightBytes: 10)
    let script = IterationTimeline(
      firstForward: [Step(0, .need([0])), Step(1, .stage)], backward: [Step(2, .complete([0]))])
    var model = ScalingModel(script: script, buckets: [bucket], ranks: 2, shards: 1)
    model.bandwidth = 10
    expect(model.predict(), seconds: 9, exposed: 2, transfer: 2)
  }

  /// A byte costs 0.1 s of the core, at 10 bytes a second the whole core: 2 s of messages beside 7 s of arithmetic.
  @Test func messagesTakeTheCore() {
    var model = Self.model()
    model.bandwidth = 10
    model.messageSeconds = 0.05
    // The first gradient's second (4 to 5) costs half a second, and so does that of layer 1's weights.
    expect(model.predict(), seconds: 13, exposed: 2, transfer: 4)
  }
}

struct ScalingTrafficTests {
  private static func traffic(_ phase: Phase, ranks: Int, _ settings: [String]) throws -> CommunicationVolume {
    CommunicationVolume(
      phase, try Configuration(yaml: "{}", settings: ["data.root=none"] + settings), ranks: ranks, speed: nil)
  }

  @Test func momentumIsHeldOnceInTheCluster() throws {
    let settings = ["network.width=0.25", "network.inputSize=96"]
    let alone = try Self.traffic(.segmentation, ranks: 1, settings).momentumBytes(of: 0)
    for ranks in [2, 3, 8] {
      let traffic = try Self.traffic(.segmentation, ranks: ranks, settings)
      let bytes = (0..<ranks).map(traffic.momentumBytes)
      #expect(bytes.reduce(0, +) == alone)
      #expect(Double(bytes.max()!) < 1.02 * Double(alone) / Double(ranks), "\(ranks): \(bytes)")
    }
  }

  /// fc6 of the bridging layers at the paper's sizes on 8 ranks: 24 times less leaves a rank when factors travel alone.
  @Test func factorsOfTheLargestLayer() throws {
    func sent(_ way: String) throws -> Int {
      let traffic = try Self.traffic(.segmentation, ranks: 8, ["cluster.gradientExchange=\(way)"])
      let fc6 = traffic.plan.table.index(of: "bridging.fc6.weight")!
      return traffic.plan.buckets.filter { $0.parameters == [fc6] }.reduce(0) {
        $0 + traffic.gradientBytes($1, from: 0) + traffic.weightBytes($1, from: 0)
      } + (traffic.factorBytes[fc6] ?? 0) * traffic.shards(of: 0) * 7
    }
    let (sums, factors, replicas) = (try sent("sums"), try sent("factors"), try sent("replicas"))
    #expect(sums > 20 * replicas, "\(sums) and \(replicas)")
    #expect(factors < sums && factors > replicas)
  }
}
