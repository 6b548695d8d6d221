// Minibatches made ahead of their use: threads of their own decode and augment while the network computes, into a
// bounded ring of shards that are used again. The order of hand-over is the order of the list of requests, whichever
// thread was quicker.
import Foundation
import Support

/// One shard to be made: which minibatch, and the slot of its first example.
package struct ShardRequest: Sendable, Equatable {
  package let iteration: Int
  package let firstSlot: Int

  package init(iteration: Int, firstSlot: Int) {
    self.iteration = iteration
    self.firstSlot = firstSlot
  }
}

/// Makes the shards of an endless sequence of requests, a few ahead.
///
/// `@unchecked Sendable`: all mutable state is guarded by `condition`.
package final class BatchLoader: @unchecked Sendable {
  private let source: any BatchSource
  private let request: @Sendable (Int) -> ShardRequest?
  private let condition = NSCondition()
  private var free: [ShardBatch]
  private var ready: [Int: Result<ShardBatch, any Error>] = [:]
  private var nextToMake = 0
  private var nextToTake = 0
  private var stopped = false
  /// The number after the last request, once a thread has met it.
  private var end: Int?
  /// Seconds that `next` has waited in all.
  package private(set) var secondsWaiting = 0.0

  /// - Parameters:
  ///   - ahead: shards that exist at once, at least 2.
  ///   - request: the n-th shard wanted; nil ends the sequence.
  package init(
    _ source: any BatchSource, examples: Int, size: Int, classes: Int, ahead: Int, threads: Int,
    request: @escaping @Sendable (Int) -> ShardRequest?
  ) {
    self.source = source
    self.request = request
    free = (0..<max(ahead, 2)).map { _ in ShardBatch(examples: examples, size: size, classes: classes) }
    for _ in 0..<max(threads, 1) {
      let thread = Thread { [self] in make() }
      thread.name = "batches"
      thread.start()
    }
  }

  /// The next shard, waited for if need be. Give it back with `recycle` when it has been used.
  package func next() throws -> ShardBatch {
    condition.lock()
    defer { condition.unlock() }
    let start = MonotonicClock.now
    while ready[nextToTake] == nil && !stopped && end != nextToTake { condition.wait() }
    secondsWaiting += MonotonicClock.now - start
    guard let result = ready.removeValue(forKey: nextToTake) else {
      preconditionFailure(
        end == nextToTake ? "no shard is left" : "the loader was stopped while a shard was waited for")
    }
    nextToTake += 1
    return try result.get()
  }

  package func recycle(_ batch: ShardBatch) {
    condition.lock()
    free.append(batch)
    condition.broadcast()
    condition.unlock()
  }

  /// Ends the threads; no shard can be taken afterwards.
  package func stop() {
    condition.lock()
    stopped = true
    condition.broadcast()
    condition.unlock()
  }

  private func make() {
    while true {
      condition.lock()
      while free.isEmpty && !stopped { condition.wait() }
      guard !stopped, let wanted = request(nextToMake) else {
        if !stopped { end = nextToMake }
        condition.broadcast()
        condition.unlock()
        return
      }
      let number = nextToMake
      nextToMake += 1
      let batch = free.removeLast()
      condition.unlock()

      let result = Result {
        for example in 0..<batch.examples {
          try source.fill(batch, example: example, iteration: wanted.iteration, slot: wanted.firstSlot + example)
        }
        return batch
      }

      condition.lock()
      ready[number] = result
      // Who takes the error has no shard to give back.
      if case .failure = result { free.append(batch) }
      condition.broadcast()
      condition.unlock()
    }
  }
}
