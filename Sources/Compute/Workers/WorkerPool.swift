// The threads of one rank. Work comes as numbered tasks whose size and number the problem fixes; threads take the next
// number until none is left. Which thread runs which task is chance, so a task writes only what belongs to its number:
// then the result cannot depend on the number of threads, or on timing.
import Foundation
import Synchronization

/// A fixed set of threads that runs numbered tasks; the calling thread is one of them.
///
/// `@unchecked Sendable`: the mutable state is guarded by `mutex`, or is the atomic counter; scratch memory is written
/// by the one thread whose index it carries.
package final class WorkerPool: @unchecked Sendable {
  package typealias Body = (_ task: Int, _ worker: Int) -> Void

  /// Number of threads, the calling thread included.
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
  /// The generation as the helpers poll it for a moment before they sleep.
  private let published = Atomic<Int>(0)
  private let outstanding = Atomic<Int>(0)

  /// One for each thread, which alone reads and writes it.
  private let scratchMemory: UnsafeMutablePointer<AlignedMemory?>

  /// How often an idle thread looks for work before it sleeps: some tens of microseconds, less than a layer.
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
          let (state, worker) = (start.state, start.worker)
          state.serve(worker)
          return nil
        }, start.toOpaque())
      precondition(status == 0, "cannot create thread \(worker) of \(threads): error \(status)")
      pthread_detach(thread)
    }
  }

  /// Comes only to a pool of one thread: helpers hold theirs for ever.
  deinit {
    scratchMemory.deinitialize(count: threads)
    scratchMemory.deallocate()
  }

  private final class Start {
    let state: WorkerPool
    let worker: Int
    init(pool: WorkerPool, worker: Int) {
      state = pool
      self.worker = worker
    }
  }

  /// Runs `body(task, worker)` for every task in 0..<taskCount and returns when all have ended.
  ///
  /// `worker` is in 0..<threads; no two tasks run at once under the same worker index. Calls do not nest.
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

  /// Memory for `floats` values that only `worker` uses while its task runs; contents are undefined at each task's start.
  /// Kept between calls and enlarged when a larger size is asked for.
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

  /// Takes part in the current job; called with the mutex held, returns without it.
  ///
  /// Never inlined: this thread's reference to the body must be gone before it counts as done, for `run` then returns
  /// and its caller's closure may hold nothing any more (Swift traps if it does).
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
