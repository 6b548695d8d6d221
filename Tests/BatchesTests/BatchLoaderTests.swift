// Tests of the batch loader: prefetched shards equal those filled directly, in order and for any number of threads.
import Batches
import Foundation
import Synchronization
import Testing

@Suite struct BatchLoaderTests {
  /// Writes (iteration, slot) after irregular delays; some slots fail.
  final class Numbers: BatchSource {
    struct Bad: Error, Equatable { let slot: Int }
    let failing: Set<Int>
    let filled = Atomic<Int>(0)
    init(failing: Set<Int> = []) { self.failing = failing }

    var examplesPerRound: Int { 1 }
    func identity(iteration: Int, slot: Int) -> String { "\(slot)" }

    func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws {
      usleep(UInt32((slot * 37 + iteration * 11) % 5 * 300))
      filled.wrappingAdd(1, ordering: .relaxed)
      if failing.contains(slot) { throw Bad(slot: slot) }
      batch.planes.pointer[index * 3 * batch.size * batch.size] = Float(iteration)
      batch.labels.pointer[index * batch.classes] = Float(slot)
    }
  }

  static func loader(_ source: any BatchSource, ahead: Int = 3, threads: Int, count: Int? = nil) -> BatchLoader {
    BatchLoader(source, examples: 2, size: 1, classes: 1, ahead: ahead, threads: threads) { number in
      if let count, number >= count { return nil }
      return ShardRequest(iteration: number / 4, firstSlot: number * 2)
    }
  }

  @Test("Shards are delivered in the order of the requests.", arguments: [1, 3], [2, 3, 6])
  func shardsComeInTheOrderOfTheRequests(threads: Int, ahead: Int) throws {
    let loader = Self.loader(Numbers(), ahead: ahead, threads: threads, count: 60)
    defer { loader.stop() }
    for number in 0..<60 {
      let batch = try loader.next()
      #expect(batch.examples == 2)
      for example in 0..<2 {
        #expect(batch.planes.pointer[example * 3] == Float(number / 4))
        #expect(batch.labels.pointer[example] == Float(number * 2 + example))
      }
      if number % 3 == 0 { usleep(500) }
      loader.recycle(batch)
    }
  }

  @Test("Shards of a dataset equal those filled directly.", arguments: [1, 3])
  func drawnSetsEqualDirectFills(threads: Int) throws {
    let set = try DrawnSet()
    defer { set.remove() }
    for strong in [false, true] {
      let source = BatchSourceTests.source(set, strong: strong, BatchSourceTests.plan(phase: strong ? 2 : 1))
      let cached = BatchSourceTests.source(
        set, strong: strong, BatchSourceTests.plan(phase: strong ? 2 : 1), cacheBytes: 100_000)
      let loader = BatchLoader(cached, examples: 3, size: 32, classes: DrawnSet.classes, ahead: 3, threads: threads) {
        ShardRequest(iteration: $0 / 2, firstSlot: $0 % 2 * 3)
      }
      defer { loader.stop() }
      for number in 0..<14 {
        let batch = try loader.next()
        for example in 0..<3 {
          #expect(
            try ExampleValues(batch, example) == source.values(iteration: number / 2, slot: number % 2 * 3 + example),
            "shard \(number), example \(example)")
        }
        loader.recycle(batch)
      }
    }
  }

  /// There are more errors than shards: the caller who receives an error has nothing to give back.
  @Test("Errors are delivered in their place.", arguments: [1, 3])
  func errorsStandInTheirPlace(threads: Int) throws {
    let failing: Set<Int> = [6, 9, 12, 14, 16, 18, 20, 22, 24]
    let loader = Self.loader(Numbers(failing: failing), ahead: 2, threads: threads, count: 20)
    defer { loader.stop() }
    for number in 0..<20 {
      if let slot = [2 * number, 2 * number + 1].first(where: failing.contains) {
        #expect(throws: Numbers.Bad(slot: slot)) { _ = try loader.next() }
      } else {
        let batch = try loader.next()
        #expect(batch.labels.pointer[1] == Float(2 * number + 1))
        loader.recycle(batch)
      }
    }
  }

  @Test("No more shards than the ring holds are made ahead.")
  func noMoreThanTheRingIsMadeAhead() throws {
    let source = Numbers()
    let loader = Self.loader(source, ahead: 4, threads: 2)
    defer { loader.stop() }
    usleep(200_000)
    #expect(source.filled.load(ordering: .relaxed) <= 8)
    let batch = try loader.next()
    usleep(100_000)
    #expect(source.filled.load(ordering: .relaxed) <= 8)
    loader.recycle(batch)
  }

  @Test("The time of waiting is measured.")
  func waitingIsMeasured() throws {
    let loader = Self.loader(Numbers(), threads: 1)
    defer { loader.stop() }
    for _ in 0..<20 { loader.recycle(try loader.next()) }
    #expect(loader.secondsWaiting > 0.001 && loader.secondsWaiting < 10)
  }

  /// The threads hold source and loader, which are freed when they have ended.
  @Test("Stopping ends the threads.", arguments: [1, 3])
  func stoppingEndsTheThreads(threads: Int) throws {
    weak var source: Numbers?
    weak var loader: BatchLoader?
    do {
      let numbers = Numbers()
      let made = Self.loader(numbers, threads: threads)
      source = numbers
      loader = made
      made.recycle(try made.next())
      made.stop()
    }
    let deadline = Date.now.addingTimeInterval(10)
    while (source != nil || loader != nil) && Date.now < deadline { usleep(2000) }
    #expect(source == nil && loader == nil)
  }
}
