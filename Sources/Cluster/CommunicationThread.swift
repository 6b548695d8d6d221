// The one thread of a rank that calls MPI. Other threads give it transfers and continue, or have it make a
// call and wait.
//
// Open MPI 4.1 moves data only inside its calls, and its blocking calls spin. Where every core computes, a spinning
// thread takes a core from the arithmetic. So all operations are non-blocking, and one call polls all of them. While a
// caller is blocked, the thread polls continuously for a moment, since most messages arrive at once, then with pauses
// that grow while nothing arrives. While all threads compute, the pauses are longer, since a poll costs the arithmetic
// about 40 microseconds where they share a core.
import COpenMPI
import Foundation
import Support
import Synchronization

/// `@unchecked Sendable`: shared state is atomic or guarded by `mutex`; MPI's own state belongs to the thread.
final class CommunicationThread: @unchecked Sendable {
  /// The number of transfers that have ended since the start.
  let ended = Atomic<Int>(0)
  /// Payload bytes handed to MPI for other ranks.
  let bytesSent = Atomic<Int>(0)
  /// Nanoseconds in which something was in flight, up to the last poll.
  let busy = Atomic<Int>(0)
  /// Called at the end of every transfer, on this thread. Set while nothing is in flight.
  var observer: ((PendingTransfer) -> Void)?

  private enum Command {
    case call(Call)
    case start(PendingTransfer)
    /// Started as soon as the queued transfers before it leave room in the window.
    case queue(PendingTransfer)
  }

  /// A closure of another thread. It is released before the call counts as done, for then the caller's frame may end
  /// (Swift traps if a non-escaping closure is still held).
  private final class Call {
    var body: (() -> Void)?
    var isDone = false

    init(_ body: @escaping () -> Void) { self.body = body }

    @inline(never) func run() {
      body?()
      body = nil
    }
  }

  /// The bytes of queued transfers that may be in flight at once. Set while nothing is in flight.
  var window = Int.max
  /// Queued transfers that wait for room in the window.
  private var queued: [PendingTransfer] = []
  /// The bytes of queued transfers that are in flight.
  private var windowBytes = 0

  private var mutex = pthread_mutex_t()
  private var wake = pthread_cond_t()
  private var progress = pthread_cond_t()
  private var commands: [Command] = []
  /// Only this thread changes it, with the mutex held; so it may read it without.
  private var active: [PendingTransfer] = []
  /// The open pieces of `active`.
  private var requests = OpenRequests()
  /// The number of threads that are blocked until a transfer ends.
  private var waiters = 0
  private var thread = pthread_t()

  init() {
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&progress, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(&wake, &attributes)
    pthread_condattr_destroy(&attributes)
    let status = pthread_create(
      &thread, nil,
      { argument in
        let server = Unmanaged<CommunicationThread>.fromOpaque(argument!).takeRetainedValue()
        server.serve()
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(status == 0, "cannot create the communication thread: error \(status)")
    pthread_detach(thread)
  }

  // MARK: Called by other threads

  /// Runs `body` on the thread and waits for its end.
  func call<Result>(_ body: () throws -> Result) throws -> Result {
    if pthread_equal(pthread_self(), thread) != 0 { return try body() }
    return try withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) var result: Swift.Result<Result, any Error>?
      let call = Call { result = Swift.Result { try body() } }
      pthread_mutex_lock(&mutex)
      commands.append(.call(call))
      pthread_cond_signal(&wake)
      while !call.isDone { pthread_cond_wait(&progress, &mutex) }
      pthread_mutex_unlock(&mutex)
      return try result!.get()
    }
  }

  /// Hands over transfers and returns at once.
  ///
  /// - Parameter isQueued: Starts them after those that were queued before, in a window of bytes: messages that leave
  ///   together share the link, and all arrive late. Every rank must queue in the same order.
  func start(_ transfer: PendingTransfer, isQueued: Bool = false) {
    pthread_mutex_lock(&mutex)
    commands.append(isQueued ? .queue(transfer) : .start(transfer))
    pthread_cond_signal(&wake)
    pthread_mutex_unlock(&mutex)
  }

  /// Returns when a transfer has ended since `ended` had the value `seen`.
  func waitForTransfer(since seen: Int) {
    pthread_mutex_lock(&mutex)
    wait(isUrgent: true) { ended.load(ordering: .acquiring) != seen }
    pthread_mutex_unlock(&mutex)
  }

  /// - Parameter isUrgent: Makes the thread poll more often while it waits.
  func wait(for transfer: PendingTransfer, isUrgent: Bool = true) {
    pthread_mutex_lock(&mutex)
    wait(isUrgent: isUrgent) { transfer.hasEnded }
    pthread_mutex_unlock(&mutex)
  }

  /// With the mutex held.
  private func wait(isUrgent: Bool, until isTrue: () -> Bool) {
    if isTrue() { return }
    if isUrgent {
      waiters += 1
      pthread_cond_signal(&wake)
    }
    repeat { pthread_cond_wait(&progress, &mutex) } while !isTrue()
    if isUrgent { waiters -= 1 }
  }

  /// The transfers that have not ended and the ranks they wait for; readable from any thread.
  var transfersInFlight: [(kind: TransferKind, receivingFrom: [Int], sendingTo: [Int])] {
    pthread_mutex_lock(&mutex)
    defer { pthread_mutex_unlock(&mutex) }
    return active.map { transfer in
      let open = transfer.isOpen.indices.filter { transfer.isOpen[$0] }
      return (
        transfer.kind, Set(open.filter { transfer.expected[$0] >= 0 }.map { transfer.peers[$0] }).sorted(),
        Set(open.filter { transfer.expected[$0] < 0 }.map { transfer.peers[$0] }).sorted()
      )
    }
  }

  // MARK: The thread

  private func serve() -> Never {
    var backoff = Backoff()
    var busySince: Int?
    while true {
      if let since = busySince {
        let now = MonotonicClock.nanoseconds
        busy.wrappingAdd(now - since, ordering: .relaxed)
        busySince = active.isEmpty ? nil : now
      } else if !active.isEmpty {
        busySince = MonotonicClock.nanoseconds
      }
      pthread_mutex_lock(&mutex)
      while commands.isEmpty && active.isEmpty { pthread_cond_wait(&wake, &mutex) }
      if commands.isEmpty, let pause = backoff.pause(isUrgent: waiters > 0) {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        until.tv_nsec += pause
        if until.tv_nsec >= 1_000_000_000 {
          until.tv_sec += 1
          until.tv_nsec -= 1_000_000_000
        }
        pthread_cond_timedwait(&wake, &mutex, &until)
      }
      let commands = self.commands
      self.commands.removeAll(keepingCapacity: true)
      pthread_mutex_unlock(&mutex)

      for command in commands {
        backoff.reset()
        switch command {
        case .call(let call):
          call.run()
          pthread_mutex_lock(&mutex)
          call.isDone = true
          pthread_cond_broadcast(&progress)
          pthread_mutex_unlock(&mutex)
        case .start(let transfer): begin(transfer)
        case .queue(let transfer): queued.append(transfer)
        }
      }
      beginQueued()
      if poll() {
        beginQueued()
        backoff.reset()
      }
    }
  }

  /// Starts as many queued transfers as the window has room for, at least one if none is in flight.
  private func beginQueued() {
    var count = 0
    for transfer in queued {
      guard windowBytes == 0 || windowBytes + transfer.bytes <= window else { break }
      windowBytes += transfer.bytes
      transfer.isInWindow = true
      begin(transfer)
      count += 1
    }
    queued.removeFirst(count)
  }

  private func begin(_ transfer: PendingTransfer) {
    transfer.started = MonotonicClock.now
    do {
      let posted = try transfer.post()
      bytesSent.wrappingAdd(transfer.bytesSent, ordering: .relaxed)
      requests.add(posted, of: transfer)
    } catch { transfer.error = error }
    if transfer.open == 0 || transfer.error != nil {
      end(transfer)
    } else {
      pthread_mutex_lock(&mutex)
      active.append(transfer)
      pthread_mutex_unlock(&mutex)
    }
  }

  /// Polls all transfers; returns true if something has arrived or left.
  private func poll() -> Bool {
    guard !active.isEmpty else { return false }
    let done = requests.test()
    guard !done.isEmpty else { return false }
    pthread_mutex_lock(&mutex)
    for (transfer, piece) in done {
      transfer.isOpen[piece] = false
      transfer.open -= 1
    }
    let over = active.filter { $0.open == 0 || $0.error != nil }
    active.removeAll { transfer in over.contains { $0 === transfer } }
    pthread_mutex_unlock(&mutex)
    for transfer in over { end(transfer) }
    return true
  }

  private func end(_ transfer: PendingTransfer) {
    transfer.finished = MonotonicClock.now
    if transfer.isInWindow { windowBytes -= transfer.bytes }
    observer?(transfer)
    pthread_mutex_lock(&mutex)
    transfer.markEnded()
    ended.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(&progress)
    pthread_mutex_unlock(&mutex)
  }
}
