// The thread pool of one rank. Work is divided into numbered tasks whose size and number depend on the problem alone,
// and threads take the next number until none is left. The assignment of tasks to threads is random, so a task may
// write only what belongs to its number. Results then depend neither on the number of threads nor on timing.
import Foundation
import Synchronization

/// A fixed set of threads that runs numbered tasks; the calling thread is one of them.
///
/// `@unchecked Sendable`: the mutable state is guarded by `mutex` or atomic, and each thread has its own scratch
/// memory.
package final class WorkerPool: @unchecked Sendable {
  package typealias Body = (_ task: Int, _ worker: Int) -> Void

  /// The number of threads, including the calling thread.
  package let threads: Int

  private struct Job {
    var body: Body
    var taskCount: Int
  }

  private var mutex = pthread_mutex_t()
  private var wake = pthread_cond_t()
  private var finished = pthread_cond_t()
  private var job: Job?
  private var generation = 0
  private var running = 0
  private var stopping = false
  private let next = Atomic<Int>(0)
  /// The generation, which the helper threads poll for a moment before they sleep.
  private let published = Atomic<Int>(0)
  private let outstanding = Atomic<Int>(0)

  /// The scratch memory of each thread, which only that thread accesses.
  private let scratchMemory: UnsafeMutablePointer<AlignedMemory?>

  /// The number of polls of an idle thread before it sleeps: some tens of microseconds, less than a layer takes.
  private static let polls = 2_000

  package init(threads: Int) {
    precondition(threads >= 1, "a pool has at least one thread")
    self.threads = threads
    scratchMemory = .allocate(capacity: threads)
    scratchMemory.initialize(repeating: nil, count: threads)
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&wake, nil)
    pthread_cond_init(&finished, nil)
    for worker in 1..<max(threads, 1) {
      let start = Unmanaged.passRetained(Start(pool: self, worker: worker))
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { argument in
          let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
          start.pool.serve(start.worker)
          return nil
        }, start.toOpaque())
      precondition(status == 0, "cannot create thread \(worker) of \(threads): error \(status)")
      pthread_detach(thread)
    }
  }

  /// Runs only for a pool of one thread, because helper threads retain their pool forever.
  deinit {
    scratchMemory.deinitialize(count: threads)
    scratchMemory.deallocate()
  }

  private final class Start {
    let pool: WorkerPool
    let worker: Int
    init(pool: WorkerPool, worker: Int) {
      self.pool = pool
      self.worker = worker
    }
  }

  /// Runs `body(task, worker)` for every task in 0..<taskCount, and returns when all have ended.
  ///
  /// `worker` is in 0..<threads, and no two tasks run at the same time with the same worker index. Calls cannot be
  /// nested.
  package func run(_ taskCount: Int, _ body: Body) {
    guard taskCount > 0 else { return }
    if threads == 1 || taskCount == 1 {
      for task in 0..<taskCount { body(task, 0) }
      return
    }
    withoutActuallyEscaping(body) { body in
      pthread_mutex_lock(&mutex)
      job = Job(body: body, taskCount: taskCount)
      generation += 1
      running = threads - 1
      next.store(0, ordering: .relaxed)
      outstanding.store(threads - 1, ordering: .relaxed)
      published.store(generation, ordering: .releasing)
      pthread_cond_broadcast(&wake)
      pthread_mutex_unlock(&mutex)

      take(taskCount, body, worker: 0)

      var polls = 0
      while outstanding.load(ordering: .acquiring) > 0, polls < Self.polls { polls += 1 }
      pthread_mutex_lock(&mutex)
      while running > 0 { pthread_cond_wait(&finished, &mutex) }
      job = nil
      pthread_mutex_unlock(&mutex)
    }
  }

  /// Returns memory for `floats` values that only `worker` uses while its task runs. The contents are undefined when a
  /// task starts. The memory is kept between calls, and replaced when a larger size is requested.
  package func scratch(_ worker: Int, floats: Int) -> UnsafeMutablePointer<Float> {
    if let memory = scratchMemory[worker], memory.count >= floats { return memory.pointer }
    scratchMemory[worker] = nil
    let memory = AlignedMemory(floats: floats)
    scratchMemory[worker] = memory
    return memory.pointer
  }

  private func take(_ taskCount: Int, _ body: Body, worker: Int) {
    while true {
      let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if task >= taskCount { return }
      body(task, worker)
    }
  }

  /// Takes part in the current job. It is called with the mutex held and returns without it.
  ///
  /// It is never inlined: this thread must release its reference to the body before it counts as done, because `run`
  /// then returns, and Swift traps if the caller's closure is still referenced.
  @inline(never)
  private func joinJob(_ worker: Int) {
    let current = job!
    pthread_mutex_unlock(&mutex)
    take(current.taskCount, current.body, worker: worker)
  }

  private func serve(_ worker: Int) {
    var seen = 0
    while true {
      var polls = 0
      while published.load(ordering: .acquiring) == seen, polls < Self.polls { polls += 1 }
      pthread_mutex_lock(&mutex)
      while generation == seen && !stopping { pthread_cond_wait(&wake, &mutex) }
      if stopping {
        pthread_mutex_unlock(&mutex)
        return
      }
      seen = generation
      joinJob(worker)
      outstanding.wrappingSubtract(1, ordering: .releasing)
      pthread_mutex_lock(&mutex)
      running -= 1
      if running == 0 { pthread_cond_signal(&finished) }
      pthread_mutex_unlock(&mutex)
    }
  }
}
