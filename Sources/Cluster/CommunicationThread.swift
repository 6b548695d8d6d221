// The one thread of a rank that calls MPI. Others hand it transfers and go on computing, or ask it to make a call and wait.
//
// Open MPI 4.1 moves data only inside its calls, and its blocking calls spin. Where every core computes, a spinning thread
// takes a core from the arithmetic. So all operations are non-blocking and polled, by one call for all of them. While somebody
// waits: busily for a moment, since most answers come at once, then with pauses that grow while nothing arrives. While all
// compute: at longer pauses, since each look costs the arithmetic some 40 microseconds where they share a core.
import COpenMPI
import Foundation
import Synchronization
import Support

/// `@unchecked Sendable`: what several threads touch is guarded by `mutex` or atomic; MPI's own state belongs to the thread.
final class CommunicationThread: @unchecked Sendable {
  /// Transfers that have ended since the start: a look at it says whether there can be news.
  let ended = Atomic<Int>(0)
  /// Payload bytes that have been handed to MPI for other ranks.
  let bytesSent = Atomic<Int>(0)
  /// Nanoseconds in which something was under way, up to the last look.
  let busy = Atomic<Int>(0)
  /// Hears of every flight's end, on this thread: for a timeline. Set while nothing is in flight.
  var observer: ((PendingTransfer) -> Void)?

  private enum Command {
    case call(Call)
    case start(PendingTransfer)
    /// As soon as those before it have left room.
    case queue(PendingTransfer)
  }

  /// Somebody else's closure. The reference to it is gone before the call counts as done, for then the caller's frame may
  /// end (Swift traps if the closure is still held).
  private final class Call {
    var body: (() -> Void)?
    var isDone = false

    init(_ body: @escaping () -> Void) { self.body = body }

    @inline(never) func run() {
      body?()
      body = nil
    }
  }

  /// Bytes of queued flights that may be under way at once. Set while nothing is in flight.
  var window = Int.max
  /// Queued flights: those that wait for room, and the bytes of those that are under way.
  private var queued: [PendingTransfer] = []
  private var windowBytes = 0

  private var mutex = pthread_mutex_t()
  private var wake = pthread_cond_t()
  private var news = pthread_cond_t()
  private var commands: [Command] = []
  /// Only this thread changes it, and only with the mutex held; so it alone may read it without.
  private var active: [PendingTransfer] = []
  /// Everything of `active` that is still open, as MPI wants it.
  private var requests = OpenRequests()
  /// Threads that wait for a flight and have nothing else to do.
  private var waiters = 0
  private var thread = pthread_t()

  init() {
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&news, nil)
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

  // MARK: For other threads

  /// Runs `body` on the thread and waits for its end.
  func call<Result>(_ body: () throws -> Result) throws -> Result {
    if pthread_equal(pthread_self(), thread) != 0 { return try body() }
    return try withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) var result: Swift.Result<Result, any Error>?
      let call = Call { result = Swift.Result { try body() } }
      pthread_mutex_lock(&mutex)
      commands.append(.call(call))
      pthread_cond_signal(&wake)
      while !call.isDone { pthread_cond_wait(&news, &mutex) }
      pthread_mutex_unlock(&mutex)
      return try result!.get()
    }
  }

  /// Hands over transfers and returns at once.
  ///
  /// - Parameter isQueued: they come after those that were queued before them, in a window of bytes: messages that leave at once
  ///   share the link and all come late. Every rank must queue in the same order.
  func start(_ flight: PendingTransfer, isQueued: Bool = false) {
    pthread_mutex_lock(&mutex)
    commands.append(isQueued ? .queue(flight) : .start(flight))
    pthread_cond_signal(&wake)
    pthread_mutex_unlock(&mutex)
  }

  /// Returns when some flight has ended since `ended` had the value `seen`.
  func waitForNews(since seen: Int) {
    pthread_mutex_lock(&mutex)
    waitForNews(hurriedly: true) { ended.load(ordering: .acquiring) != seen }
    pthread_mutex_unlock(&mutex)
  }

  /// - Parameter hurriedly: whether a moment more matters.
  func wait(for flight: PendingTransfer, hurriedly: Bool = true) {
    pthread_mutex_lock(&mutex)
    waitForNews(hurriedly: hurriedly) { flight.hasEnded }
    pthread_mutex_unlock(&mutex)
  }

  /// With the mutex held.
  private func waitForNews(hurriedly: Bool, until isTrue: () -> Bool) {
    if isTrue() { return }
    if hurriedly {
      waiters += 1
      pthread_cond_signal(&wake)
    }
    repeat { pthread_cond_wait(&news, &mutex) } while !isTrue()
    if hurriedly { waiters -= 1 }
  }

  /// What is under way, and between whom; from any thread.
  var underWay: [(kind: TransferKind, receivingFrom: [Int], sendingTo: [Int])] {
    pthread_mutex_lock(&mutex)
    defer { pthread_mutex_unlock(&mutex) }
    return active.map { flight in
      let open = flight.isOpen.indices.filter { flight.isOpen[$0] }
      return (
        flight.kind, Set(open.filter { flight.expected[$0] >= 0 }.map { flight.peers[$0] }).sorted(),
        Set(open.filter { flight.expected[$0] < 0 }.map { flight.peers[$0] }).sorted()
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
      if commands.isEmpty, let nap = backoff.nap(isHurried: waiters > 0) {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        until.tv_nsec += nap
        if until.tv_nsec >= 1_000_000_000 {
          (until.tv_sec, until.tv_nsec) = (until.tv_sec + 1, until.tv_nsec - 1_000_000_000)
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
          pthread_cond_broadcast(&news)
          pthread_mutex_unlock(&mutex)
        case .start(let flight): begin(flight)
        case .queue(let flight): queued.append(flight)
        }
      }
      beginQueued()
      if poll() {
        beginQueued()
        backoff.reset()
      }
    }
  }

  /// Begins as many queued flights as there is room for, one in any case.
  private func beginQueued() {
    var count = 0
    for flight in queued {
      guard windowBytes == 0 || windowBytes + flight.bytes <= window else { break }
      windowBytes += flight.bytes
      flight.isInWindow = true
      begin(flight)
      count += 1
    }
    queued.removeFirst(count)
  }

  private func begin(_ flight: PendingTransfer) {
    flight.started = MonotonicClock.now
    do {
      let posted = try flight.post()
      bytesSent.wrappingAdd(flight.bytesSent, ordering: .relaxed)
      requests.add(posted, of: flight)
    } catch { flight.error = error }
    if flight.open == 0 || flight.error != nil {
      end(flight)
    } else {
      pthread_mutex_lock(&mutex)
      active.append(flight)
      pthread_mutex_unlock(&mutex)
    }
  }

  /// Looks at all flights; true where something has arrived or left.
  private func poll() -> Bool {
    guard !active.isEmpty else { return false }
    let done = requests.test()
    guard !done.isEmpty else { return false }
    pthread_mutex_lock(&mutex)
    for (flight, piece) in done {
      flight.isOpen[piece] = false
      flight.open -= 1
    }
    let over = active.filter { $0.open == 0 || $0.error != nil }
    active.removeAll { flight in over.contains { $0 === flight } }
    pthread_mutex_unlock(&mutex)
    for flight in over { end(flight) }
    return true
  }

  private func end(_ flight: PendingTransfer) {
    flight.finished = MonotonicClock.now
    if flight.isInWindow { windowBytes -= flight.bytes }
    observer?(flight)
    pthread_mutex_lock(&mutex)
    flight.markEnded()
    ended.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(&news)
    pthread_mutex_unlock(&mutex)
  }
}
