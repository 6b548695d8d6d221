// The guarantees of the pool: each task runs once, a worker index has one task at a time, scratch memory is private.
import Compute
import Foundation
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  /// Counters shared by tasks on several threads.
  final class Tally: Sendable {
    let runs: Mutex<[Int]>
    init(_ count: Int) { runs = Mutex(Array(repeating: 0, count: count)) }
    func add(_ index: Int) { runs.withLock { $0[index] += 1 } }
    var counts: [Int] { runs.withLock { $0 } }
  }

  @Test("Every task runs once in job after job.", arguments: [1, 2, 3, 5, 8])
  func everyTaskRunsOnceInJobAfterJob(threads: Int) {
    let pool = WorkerPool(threads: threads)
    #expect(pool.threads == threads)
    for round in 0..<60 {
      for tasks in [0, 1, 2, threads, 7, 64, 301 + round] {
        let tally = Tally(tasks)
        pool.run(tasks) { task, _ in tally.add(task) }
        // A task that has not ended by now would be missing here.
        #expect(tally.counts.allSatisfy { $0 == 1 }, "\(tasks) tasks on \(threads) threads, round \(round)")
      }
    }
  }

  @Test("A worker index belongs to one task at a time.", arguments: [2, 3, 6])
  func aWorkerIndexBelongsToOneTaskAtATime(threads: Int) {
    let pool = WorkerPool(threads: threads)
    let busy = Mutex(Set<Int>())
    let faults = Mutex([String]())
    pool.run(400) { task, worker in
      let entered = busy.withLock { $0.insert(worker).inserted }
      if !entered { faults.withLock { $0.append("worker \(worker) twice, task \(task)") } }
      if !(0..<threads).contains(worker) { faults.withLock { $0.append("worker \(worker) of \(threads)") } }
      if task % 7 == 0 { usleep(200) } else { sched_yield() }
      _ = busy.withLock { $0.remove(worker) }
    }
    #expect(faults.withLock { $0 } == [])
  }

  @Test("As many tasks run at once as there are threads.", arguments: [2, 3, 4])
  func asManyTasksRunAtOnceAsThereAreThreads(threads: Int) {
    // Each task waits for all others, so they can meet only if each has its own thread.
    let pool = WorkerPool(threads: threads)
    let arrived = Atomic<Int>(0)
    let met = Atomic<Int>(0)
    let deadline = Date.now.addingTimeInterval(20)
    pool.run(threads) { _, _ in
      arrived.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while arrived.load(ordering: .sequentiallyConsistent) < threads && Date.now < deadline { usleep(50) }
      if arrived.load(ordering: .sequentiallyConsistent) == threads {
        met.wrappingAdd(1, ordering: .sequentiallyConsistent)
      }
    }
    #expect(met.load(ordering: .sequentiallyConsistent) == threads)
  }

  @Test("A run returns only after its slowest task.") func runReturnsOnlyAfterTheSlowestTask() {
    let pool = WorkerPool(threads: 3)
    for slow in 0..<3 {
      let ended = Atomic<Int>(0)
      pool.run(3) { task, _ in
        if task == slow { usleep(30_000) }
        ended.wrappingAdd(1, ordering: .sequentiallyConsistent)
      }
      #expect(ended.load(ordering: .sequentiallyConsistent) == 3)
    }
  }

  @Test("Sleeping threads wake for the next job.") func threadsWakeAfterAPause() {
    let pool = WorkerPool(threads: 2)
    for _ in 0..<4 {
      usleep(20_000)
      let arrived = Atomic<Int>(0)
      let deadline = Date.now.addingTimeInterval(20)
      pool.run(2) { _, _ in
        arrived.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .sequentiallyConsistent) < 2 && Date.now < deadline { usleep(50) }
      }
      #expect(Date.now < deadline)
    }
  }

  @Test("Scratch memory is aligned and private to its worker.", arguments: [1, 2, 4])
  func scratchIsPrivateAndAligned(threads: Int) {
    let pool = WorkerPool(threads: threads)
    let faults = Mutex([String]())
    let places = Mutex([Int: UInt]())
    // Sizes grow and shrink, so that memory is replaced in between.
    for floats in [1, 16, 1000, 5000, 300, 40_000] {
      pool.run(24) { task, worker in
        let scratch = pool.scratch(worker, floats: floats)
        let address = UInt(bitPattern: scratch)
        if address % 64 != 0 { faults.withLock { $0.append("address \(address)") } }
        for i in 0..<floats { scratch[i] = Float(task) }
        sched_yield()
        if task % 5 == 0 { usleep(100) }
        if (0..<floats).contains(where: { scratch[$0] != Float(task) }) {
          faults.withLock { $0.append("task \(task): someone else wrote \(floats) floats of worker \(worker)") }
        }
        places.withLock { $0[worker] = address }
      }
      let ranges = places.withLock { $0 }.values.sorted()
      for (one, next) in zip(ranges, ranges.dropFirst()) { #expect(next - one >= UInt(floats * 4) || floats < 40_000) }
    }
    #expect(faults.withLock { $0 } == [])
  }

  @Test("Scratch memory stays in place while it suffices.") func scratchStaysWhereItIsWhileItSuffices() {
    let pool = WorkerPool(threads: 1)
    let first = pool.scratch(0, floats: 2000)
    #expect(pool.scratch(0, floats: 2000) == first)
    #expect(pool.scratch(0, floats: 10) == first)
    let larger = pool.scratch(0, floats: 1_000_000)
    larger[999_999] = 1
    #expect(larger[999_999] == 1)
  }
}
