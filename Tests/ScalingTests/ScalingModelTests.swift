// The scaling model on cases that can be worked out by hand.
import Cluster
import Scaling
import Testing

@Suite struct ScalingModelTests {
  typealias Step = IterationTimeline.Step

  /// Two layers of one parameter each, a bucket each: forward 1 + 2 s, backward 4 + 3 s (the second layer first).
  private static let timeline = IterationTimeline(
    firstForward: [Step(0, .need([0])), Step(1, .stage), Step(0, .need([1])), Step(2, .stage)],
    backward: [Step(4, .complete([1])), Step(3, .complete([0])), Step(0, .stage)])

  private static func model(
    bytes: Int = 10, ranks: Int = 2, shards: Int = 1, timeline: IterationTimeline = timeline
  ) -> ScalingModel {
    let buckets = [[1], [0]].map { ScalingModel.Bucket(parameters: $0, gradientBytes: bytes, weightBytes: bytes) }
    return ScalingModel(timeline: timeline, buckets: buckets, ranks: ranks, shards: shards)
  }

  private func expect(_ prediction: ScalingModel.Prediction, seconds: Double, exposed: Double, transfer: Double) {
    #expect(abs(prediction.seconds - seconds) < 1e-9, "\(prediction)")
    #expect(abs(prediction.exposed - exposed) < 1e-9, "\(prediction)")
    #expect(abs(prediction.transfer - transfer) < 1e-9, "\(prediction)")
  }

  @Test("With an infinite link only computation is left.")
  func withAnInfiniteLinkOnlyArithmeticIsLeft() {
    expect(Self.model().predict(), seconds: 10, exposed: 0, transfer: 0)
    expect(Self.model(shards: 3).predict(), seconds: 30, exposed: 0, transfer: 0)
  }

  @Test("A single node sends nothing.")
  func aloneNothingTravels() {
    var model = Self.model(ranks: 1)
    model.bandwidth = 1
    model.latency = 1
    model.messageSeconds = 1
    expect(model.predict(), seconds: 10, exposed: 0, transfer: 0)
  }

  /// 5 s for each message. The first gradient travels from 4 to 9, the second from 9 to 14, after the backward pass
  /// ends at 7; the reports follow both. Then weights in forward order: layer 0 from 14 to 19, layer 1 to 24. Forward:
  /// 19 to 20, 24 to 26.
  @Test("A slow link is exposed where its messages are awaited.")
  func aSlowLinkShowsWhereItIsWaitedFor() {
    var model = Self.model()
    model.bandwidth = 2
    expect(model.predict(), seconds: 26, exposed: 16, transfer: 20)
  }

  /// 1 s for each message: the first gradient is hidden, the second is not, and layer 1's weights (9 to 10) arrive
  /// while layer 0 computes.
  @Test("The backward pass hides gradients that leave early.")
  func theBackwardPassHidesWhatLeavesEarly() {
    var model = Self.model()
    model.bandwidth = 10
    expect(model.predict(), seconds: 12, exposed: 2, transfer: 4)
  }

  @Test("A single bucket hides nothing.")
  func oneBucketHidesNothing() {
    var model = ScalingModel(
      timeline: Self.timeline, buckets: [.init(parameters: [0, 1], gradientBytes: 20, weightBytes: 20)], ranks: 2,
      shards: 1
    )
    model.bandwidth = 10
    expect(model.predict(), seconds: 14, exposed: 4, transfer: 4)
  }

  /// The frozen network computes 6 s of the next minibatch while messages travel; it has a mark each second.
  @Test("A prefetched frozen forward pass hides the agreement and the weights.")
  func prefetchHidesMessages() {
    var timeline = Self.timeline
    timeline.frozenForward = (0..<6).map { _ in Step(1, .stage) }
    var model = Self.model(timeline: timeline)
    model.bandwidth = 10
    model.prefetches = true
    expect(model.predict(), seconds: 16, exposed: 0, transfer: 4)
    model.prefetches = false
    expect(model.predict(), seconds: 17, exposed: 1, transfer: 4)
  }

  @Test("Latency counts once for each message that is awaited.")
  func latencyCountsOnceAMessage() {
    var model = Self.model()
    model.latency = 0.25
    // Second gradient and reports at 7.25; weights of both layers at 7.5.
    expect(model.predict(), seconds: 10.5, exposed: 0.5, transfer: 0)
  }

  @Test("Factors leave shard by shard, and replicas need no other message.")
  func factorsLeaveWithEachShard() {
    let timeline = IterationTimeline(
      firstForward: [Step(0, .need([0])), Step(1, .stage)], backward: [Step(1, .complete([0])), Step(1, .stage)])
    let bucket = ScalingModel.Bucket(
      parameters: [0], exchange: .replicas, seconds: BucketSeconds(unpack: 0.5, update: 2), gradientBytes: 0,
      weightBytes: 0)
    var model = ScalingModel(timeline: timeline, buckets: [bucket], ranks: 2, shards: 2)
    model.factorBytes = [0: 10]
    model.bandwidth = 10
    // 6 s of passes, 2.5 s of arithmetic on the factors, which arrive at 3 and 6.
    expect(model.predict(), seconds: 8.5, exposed: 0, transfer: 2)
    model.bandwidth = 5
    // The second shard's factors: from 5 to 7.
    expect(model.predict(), seconds: 9.5, exposed: 1, transfer: 4)
  }

  @Test("Sums from factors are computed after the agreement, and then travel.")
  func sumsAreComputedAfterTheAgreement() {
    let bucket = ScalingModel.Bucket(
      parameters: [0], exchange: .sums, seconds: BucketSeconds(sum: 3, update: 1), gradientBytes: 10, weightBytes: 10)
    let timeline = IterationTimeline(
      firstForward: [Step(0, .need([0])), Step(1, .stage)], backward: [Step(2, .complete([0]))])
    var model = ScalingModel(timeline: timeline, buckets: [bucket], ranks: 2, shards: 1)
    model.bandwidth = 10
    expect(model.predict(), seconds: 9, exposed: 2, transfer: 2)
  }

  /// A byte costs 0.05 s of the core, at 10 bytes per second half of the core, beside 7 s of computation.
  @Test("Messages take their share of a core that also computes.")
  func messagesTakeTheCore() {
    var model = Self.model()
    model.bandwidth = 10
    model.messageSeconds = 0.05
    // The first gradient's second (4 to 5) costs half a second, and so does that of layer 1's weights.
    expect(model.predict(), seconds: 13, exposed: 2, transfer: 4)
  }
}
