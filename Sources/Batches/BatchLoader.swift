// The prefetcher of minibatches: its threads decode and augment while the network computes, into a bounded ring of
// shards that are recycled. Shards are delivered in the order of the requests, whichever thread finishes first.
import Foundation
import Support

/// The request for one shard: its minibatch, and the slot of its first example.
package struct ShardRequest: Sendable, Equatable {
  package let iteration: Int
  package let firstSlot: Int

  package init(iteration: Int, firstSlot: Int) {
    self.iteration = iteration
    self.firstSlot = firstSlot
  }
}

/// Prepares the shards of an endless sequence of requests ahead of their use.
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
  /// The number of requests, once a thread has reached their end.
  private var end: Int?
  /// The total time that `next` has waited, in seconds.
  package private(set) var secondsWaiting = 0.0

  /// - Parameters:
  ///   - ahead: the number of shards that exist at once, at least 2.
  ///   - request: returns the n-th request, or nil at the end of the sequence.
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

  /// Waits for the next shard and returns it. The caller must give it back by `recycle` after use.
  package func next() throws -> ShardBatch {
    condition.lock()
    defer { condition.unlock() }
    let start = MonotonicClock.now
    while ready[nextToTake] == nil && !stopped && end != nextToTake { condition.wait() }
    secondsWaiting += MonotonicClock.now - start
    guard let result = ready.removeValue(forKey: nextToTake) else {
      preconditionFailure(
        end == nextToTake ? "no shard is left" : "the loader was stopped while a caller waited for a shard")
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

  /// Ends the threads. No shard can be taken afterwards.
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
      // The caller who receives the error has no shard to give back.
      if case .failure = result { free.append(batch) }
      condition.broadcast()
      condition.unlock()
    }
  }
}
