// The communicator of a run, over MPI_COMM_WORLD: rank, size and host, and the start, end and abort of a run.
//
// Only this target imports MPI. MPI moves bytes and never adds: dnet computes all sums, in the order of `ShardTree`.
// One thread makes all MPI calls, `CommunicationThread` (MPI_THREAD_FUNNELED); only `abort` may be called by others.
import COpenMPI
import Foundation
import Support

/// The ranks of this run. A process has one communicator; only one thread calls it at a time.
///
/// `@unchecked Sendable`: its one changing value, `secondsWaiting`, belongs to the calling thread.
///
/// Every member that communicates is collective unless documented otherwise: all ranks call it, in the same order.
package final class Communicator: @unchecked Sendable {
  /// This rank, in 0..<size.
  package let rank: Int
  /// The number of ranks.
  package let size: Int
  /// The name of this rank's host.
  package let nodeName: String
  /// The number of ranks on this rank's host, itself included: they share the cores.
  package private(set) var ranksOnThisNode = 1
  /// The position of this rank among those of its host, in 0..<ranksOnThisNode.
  package private(set) var localRank = 0

  /// The seconds that the calling thread has waited for messages since the start.
  package private(set) var secondsWaiting = 0.0

  /// Payload bytes sent to other ranks since the start, without those of collective calls, which are small.
  package var bytesSent: Int { thread.bytesSent.load(ordering: .relaxed) }

  /// The seconds since the start in which messages handed to `start` were in flight.
  package var secondsTransferring: Double { Double(thread.busy.load(ordering: .relaxed)) * 1e-9 }

  /// The longest single message in bytes; longer transfers are split. Equal on all ranks, and far below the 2^31 - 1
  /// that MPI can count. Between hosts, what Open MPI sends over TCP eagerly (btl_tcp_eager_limit, 64 KiB with its
  /// header): longer messages use a rendezvous, which takes several polls on both sides, and share the link among them.
  package var pieceBytes = 1 << 20

  /// The bytes of queued messages that may be in flight at once; unlimited until it is set (`ClusterSpeed.window`). It
  /// may be set while nothing is in flight.
  package var window: Int {
    get { thread.window }
    set { thread.window = newValue }
  }

  let world: MPI_Comm
  let thread: CommunicationThread

  private init(rank: Int, size: Int, nodeName: String, world: MPI_Comm, thread: CommunicationThread) {
    self.thread = thread
    self.rank = rank
    self.size = size
    self.nodeName = nodeName
    self.world = world
  }

  /// Starts MPI. Under mpirun this joins the other ranks; a process started alone becomes the only rank.
  package static func start() throws -> Communicator {
    let thread = CommunicationThread()
    let communicator = try thread.call { try initialize(thread) }
    let own = Array(communicator.nodeName.utf8.prefix(longestName))
    let names = try communicator.allGather(own + Array(repeating: 0, count: longestName - own.count))
    communicator.ranksOnThisNode = names.filter { $0 == names[communicator.rank] }.count
    if communicator.ranksOnThisNode < communicator.size { communicator.pieceBytes = 60 << 10 }
    communicator.localRank = names[..<communicator.rank].filter { $0 == names[communicator.rank] }.count
    return communicator
  }

  private static let longestName = Int(MPI_MAX_PROCESSOR_NAME)

  private static func initialize(_ thread: CommunicationThread) throws -> Communicator {
    var provided: Int32 = 0
    try check(MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided), "MPI_Init_thread")
    guard provided >= Int32(MPI_THREAD_FUNNELED) else {
      throw ClusterError.threadSupport(wanted: Int(MPI_THREAD_FUNNELED), provided: Int(provided))
    }
    let world = dnet_mpi_comm_world()!
    try check(MPI_Comm_set_errhandler(world, dnet_mpi_errors_return()), "MPI_Comm_set_errhandler")
    var rank: Int32 = 0
    var size: Int32 = 0
    try check(MPI_Comm_rank(world, &rank), "MPI_Comm_rank")
    try check(MPI_Comm_size(world, &size), "MPI_Comm_size")
    var name = [CChar](repeating: 0, count: longestName + 1)
    var length: Int32 = 0
    try check(MPI_Get_processor_name(&name, &length), "MPI_Get_processor_name")
    return Communicator(
      rank: Int(rank), size: Int(size),
      nodeName: String(decoding: name.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self), world: world,
      thread: thread)
  }

  /// Runs `body` on the communication thread; the time counts as waiting.
  func call<Result>(_ body: () throws -> Result) throws -> Result {
    let start = MonotonicClock.now
    defer { secondsWaiting += MonotonicClock.now - start }
    return try thread.call(body)
  }

  func waiting(_ body: () -> Void) {
    let start = MonotonicClock.now
    body()
    secondsWaiting += MonotonicClock.now - start
  }

  /// The transfers between this rank and others that have not ended; readable from any thread.
  package var transfersInFlight: [(kind: TransferKind, receivingFrom: [Int], sendingTo: [Int])] {
    thread.transfersInFlight
  }

  /// Sets a function that is called at the end of every transfer, on the communication thread. Nothing may be in
  /// flight.
  package func observe(_ observer: ((PendingTransfer) -> Void)?) { thread.observer = observer }

  /// Ends MPI on all ranks; no other call may follow.
  package func finish() throws {
    try call { try Self.check(MPI_Finalize(), "MPI_Finalize") }
  }

  /// Ends all ranks of the run at once with this exit status, from any thread of any rank.
  package static func abort(status: Int32) -> Never {
    var started: Int32 = 0
    var ended: Int32 = 0
    MPI_Initialized(&started)
    MPI_Finalized(&ended)
    if started != 0 && ended == 0 { MPI_Abort(dnet_mpi_comm_world(), status) }
    exit(status)
  }

  package func abort(status: Int32) -> Never { Self.abort(status: status) }

  /// Prints an error of this rank and ends all ranks.
  package func fail(_ error: any Error) -> Never {
    FileHandle.standardError.write(Data("dnet: rank \(rank) on \(nodeName): \(error)\n".utf8))
    abort(status: 1)
  }

  /// Throws MPI's own text if a call did not succeed.
  static func check(_ status: Int32, _ call: String) throws {
    guard status != Int32(MPI_SUCCESS) else { return }
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
    var length: Int32 = 0
    MPI_Error_string(status, &text, &length)
    throw ClusterError.mpi(
      call: call, text: String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
}
