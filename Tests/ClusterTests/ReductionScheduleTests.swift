// Tests of the order of transfers and updates in a reduction.
import Cluster
import Testing

@Suite struct ReductionScheduleTests {
  /// Effects that log each request. Transfers end when the test calls `arrive`, or in the order of `script` while the
  /// schedule waits.
  private final class ScriptedEffects: ReductionEffects {
    private(set) var log: [String] = []
    private(set) var completedTransfers = 0
    /// The number of queries whether a transfer has arrived.
    private(set) var queries = 0
    /// Transfers that end one by one while the schedule waits.
    var script: [String] = []
    private var arrived: Set<String> = []

    func arrive(_ transfers: String...) {
      for transfer in transfers { arrived.insert(transfer) }
      completedTransfers += transfers.count
    }

    func takeLog() -> [String] {
      defer { log = [] }
      return log
    }

    private func hasArrived(_ transfer: String) -> Bool {
      queries += 1
      return arrived.contains(transfer)
    }

    func waitForTransfer(since completed: Int) {
      guard completedTransfers == completed else { return }
      log.append("wait")
      arrive(script.removeFirst())
    }

    func exchangeFactors(of parameter: Int) { log.append("exchange factors \(parameter)") }
    func sendStoredSums(of bucket: Int) { log.append("send \(bucket)") }
    func computeAndSendSums(of bucket: Int, slot: Int) { log.append("compute \(bucket) in \(slot)") }
    func haveSumsArrived(of bucket: Int) -> Bool { hasArrived("sums \(bucket)") }
    func haveFactorsArrived(of parameter: Int) -> Bool { hasArrived("factors \(parameter)") }
    func unpackFactors(of parameter: Int, for bucket: Int) { log.append("unpack \(parameter) for \(bucket)") }
    func update(_ bucket: Int) { log.append("update \(bucket)") }
    func broadcastWeights(of bucket: Int) { log.append("broadcast \(bucket)") }
    func haveWeightsArrived(of bucket: Int) -> Bool { hasArrived("weights \(bucket)") }
  }

  /// Buckets in backward order; the gradients of one shard are complete.
  private func complete(
    _ buckets: [(parameters: [Int], exchange: GradientExchange?)], ranks: Int = 2
  ) -> (ReductionSchedule, ScriptedEffects) {
    let effects = ScriptedEffects()
    var schedule = ReductionSchedule(
      buckets.map { .init(parameters: $0.parameters, exchange: $0.exchange) }, parameters: 5, ranks: ranks)
    schedule.begin()
    for parameter in Set(buckets.flatMap(\.parameters)).sorted(by: >) {
      schedule.gradientIsComplete(of: parameter, isLastShard: true, effects)
    }
    #expect(schedule.areGradientsComplete)
    return (schedule, effects)
  }

  @Test("Stored sums leave when the last gradient of their bucket is complete in the last shard.")
  func storedSumsLeaveWhenComplete() {
    let effects = ScriptedEffects()
    var schedule = ReductionSchedule(
      [.init(parameters: [2, 1], exchange: nil), .init(parameters: [1, 0], exchange: nil)], parameters: 3, ranks: 2)
    schedule.begin()
    for parameter in [2, 1, 0] { schedule.gradientIsComplete(of: parameter, isLastShard: false, effects) }
    #expect(effects.takeLog() == [] && schedule.stages == [.computing, .computing])
    schedule.gradientIsComplete(of: 2, isLastShard: true, effects)
    #expect(effects.takeLog() == [])
    schedule.gradientIsComplete(of: 1, isLastShard: true, effects)
    #expect(effects.takeLog() == ["send 0"] && schedule.stages == [.reducing, .computing])
    schedule.gradientIsComplete(of: 0, isLastShard: true, effects)
    #expect(effects.takeLog() == ["send 1"] && schedule.areGradientsComplete)
  }

  @Test("Nothing is updated before the ranks have agreed.")
  func nothingIsUpdatedBeforeTheAgreement() {
    var (schedule, effects) = complete([([1], nil), ([0], nil)])
    _ = effects.takeLog()
    effects.arrive("sums 0", "sums 1")
    schedule.advance(effects)
    schedule.waitForWeights(of: [0, 1], effects)
    #expect(effects.takeLog() == [] && schedule.stages == [.reducing, .reducing])
    schedule.applyUpdates(effects)
    #expect(effects.takeLog() == ["update 1", "broadcast 1", "update 0", "broadcast 0"])
  }

  @Test("Updates are in forward order, even if later layers' sums arrive first.")
  func updatesAreInForwardOrder() {
    var (schedule, effects) = complete([([2], nil), ([1], nil), ([0], nil)])
    _ = effects.takeLog()
    effects.arrive("sums 0", "sums 1")
    schedule.applyUpdates(effects)
    #expect(effects.takeLog() == [])
    effects.arrive("sums 2")
    schedule.advance(effects)
    #expect(
      effects.takeLog() == ["update 2", "broadcast 2", "update 1", "broadcast 1", "update 0", "broadcast 0"])
    // Weights may arrive in any order.
    effects.arrive("weights 0")
    schedule.advance(effects)
    #expect(schedule.stages == [.ready, .broadcasting, .broadcasting])
  }

  @Test("Sums from factors are computed in two slots, which are free again after the update.")
  func sumsFromFactorsNeedSlots() {
    var (schedule, effects) = complete([([2], .sums), ([1], .sums), ([0], .sums)])
    #expect(effects.takeLog() == [])
    schedule.applyUpdates(effects)
    #expect(effects.takeLog() == ["compute 2 in 0", "compute 1 in 1"])
    effects.arrive("sums 2")
    schedule.advance(effects)
    #expect(effects.takeLog() == ["update 2", "broadcast 2", "compute 0 in 0"])
    effects.arrive("sums 0")
    schedule.advance(effects)
    #expect(effects.takeLog() == [])
    effects.arrive("sums 1")
    schedule.advance(effects)
    #expect(effects.takeLog() == ["update 1", "broadcast 1", "update 0", "broadcast 0"])
  }

  @Test("A single rank uses one slot, exchanges no factors and broadcasts nothing.")
  func aSingleRankSendsNothing() {
    var (schedule, effects) = complete([([2], .factors), ([1], .sums), ([0], .sums)], ranks: 1)
    #expect(effects.takeLog() == [])
    effects.arrive("sums 1", "sums 2")
    schedule.applyUpdates(effects)
    #expect(
      effects.takeLog() == ["compute 2 in 0", "update 2", "compute 1 in 0", "update 1", "update 0"])
    schedule.waitForWeights(effects)
    #expect(effects.takeLog() == [] && schedule.stages == [.ready, .ready, .ready])
  }

  @Test("Factors are exchanged with every shard and unpacked once for all buckets of their parameter.")
  func factorsAreExchangedWithEveryShard() {
    let effects = ScriptedEffects()
    var schedule = ReductionSchedule(
      [.init(parameters: [0], exchange: .factors), .init(parameters: [0], exchange: .factors)], parameters: 1, ranks: 2)
    schedule.begin()
    schedule.gradientIsComplete(of: 0, isLastShard: false, effects)
    schedule.gradientIsComplete(of: 0, isLastShard: true, effects)
    #expect(effects.takeLog() == ["exchange factors 0", "exchange factors 0"])
    schedule.applyUpdates(effects)
    #expect(effects.takeLog() == [])
    effects.arrive("factors 0")
    schedule.advance(effects)
    #expect(effects.takeLog() == ["unpack 0 for 1", "update 1", "broadcast 1", "update 0", "broadcast 0"])
  }

  @Test("The weights of replicas are ready with their update.")
  func replicasBroadcastNothing() {
    var (schedule, effects) = complete([([0], .replicas)])
    effects.arrive("factors 0")
    schedule.applyUpdates(effects)
    #expect(effects.takeLog() == ["exchange factors 0", "unpack 0 for 0", "update 0"])
    #expect(schedule.stages == [.ready])
  }

  @Test("A layer waits for the weights of its own parameters only.")
  func aLayerWaitsForItsOwnParameters() {
    var (schedule, effects) = complete([([1], nil), ([0], nil)])
    _ = effects.takeLog()
    schedule.applyUpdates(effects)
    effects.script = ["sums 1", "weights 1", "sums 0", "weights 0"]
    schedule.waitForWeights(of: [0], effects)
    #expect(effects.takeLog() == ["wait", "update 1", "broadcast 1", "wait"])
    #expect(schedule.stages == [.reducing, .ready])
    schedule.waitForWeights(of: [0], effects)
    #expect(effects.takeLog() == [])
    schedule.waitForWeights(effects)
    #expect(effects.takeLog() == ["wait", "update 0", "broadcast 0", "wait"])
    #expect(schedule.stages == [.ready, .ready])
  }

  @Test("An aborted iteration changes no weight, and another can follow.")
  func anAbortedIterationChangesNothing() {
    var (schedule, effects) = complete([([0], .sums)])
    schedule.abort()
    effects.arrive("sums 0")
    schedule.advance(effects)
    schedule.waitForWeights(effects)
    #expect(effects.takeLog() == [] && schedule.stages == [.ready])
    schedule.begin()
    schedule.gradientIsComplete(of: 0, isLastShard: true, effects)
    schedule.applyUpdates(effects)
    #expect(effects.takeLog() == ["compute 0 in 0", "update 0", "broadcast 0"])
  }

  @Test("An advance queries nothing if no transfer has ended since the last one.")
  func anAdvanceWithoutArrivalsQueriesNothing() {
    var (schedule, effects) = complete([([1], nil), ([0], nil)])
    schedule.applyUpdates(effects)
    let queries = effects.queries
    for _ in 0..<10 { schedule.advance(effects) }
    #expect(effects.queries == queries)
    effects.arrive("sums 1")
    schedule.advance(effects)
    #expect(effects.queries > queries)
  }
}
