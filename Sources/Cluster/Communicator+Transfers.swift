// Point-to-point messages between ranks, which the communication thread starts and polls until they have ended.

extension Communicator {
  /// Hands messages to the communication thread and returns at once. Not collective, but each send needs its receive.
  /// A transfer may have any number of floats.
  ///
  /// - Parameter isQueued: Delays the messages until `window` has room; all ranks must queue in the same order.
  package func start(_ transfers: [Transfer], _ kind: TransferKind = .general, isQueued: Bool = false)
    -> PendingTransfer
  {
    let pending = PendingTransfer(kind, transfers, pieceBytes: pieceBytes, world: world)
    thread.start(pending, isQueued: isQueued)
    return pending
  }

  /// Waits until all messages have arrived or left.
  package func wait(_ pending: PendingTransfer) throws {
    if !pending.hasEnded { waiting { thread.wait(for: pending) } }
    if let error = pending.error { throw error }
  }

  /// A count that grows whenever a transfer ends.
  package var completedTransfers: Int { thread.ended.load(ordering: .acquiring) }

  /// Returns when a transfer has ended since the count was `completed`.
  package func waitForTransfer(since completed: Int) { waiting { thread.waitForTransfer(since: completed) } }

  /// Starts messages and waits for all of them.
  package func exchange(_ transfers: [Transfer], _ kind: TransferKind = .general) throws {
    try wait(start(transfers, kind))
  }

  /// As `exchange`, on a background thread: the time does not count as the rank's waiting.
  package func exchangeInBackground(_ transfers: [Transfer], _ kind: TransferKind) throws {
    let pending = start(transfers, kind)
    thread.wait(for: pending, isUrgent: false)
    if let error = pending.error { throw error }
  }

  /// Sends floats; the receiver passes the same count.
  package func send(_ values: UnsafePointer<Float>, count: Int, to rank: Int) throws {
    try exchange([.send(values, count: count, to: rank)])
  }

  /// Receives floats; the sender passes the same count.
  package func receive(_ values: UnsafeMutablePointer<Float>, count: Int, from rank: Int) throws {
    try exchange([.receive(values, count: count, from: rank)])
  }
}
