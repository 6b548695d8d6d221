// The ranks of one run, over MPI_COMM_WORLD: who they are, how a run starts, ends and is aborted.
//
// Only this target imports MPI. MPI moves bytes and never adds: sums are dnet's own, in the order of `ShardTree`.
// All of MPI's calls are made by one thread, `CommunicationThread` (MPI_THREAD_FUNNELED); only `abort` may come from others.
import COpenMPI
import Foundation
import Support

/// The ranks of this run. One exists in a process; calls come from one thread at a time.
///
/// `@unchecked Sendable`: its one changing value, `secondsWaiting`, belongs to the thread that calls.
///
/// Every member that talks to other ranks is collective unless it says otherwise: all ranks call it, in the same order.
package final class Communicator: @unchecked Sendable {
  /// This rank, in 0..<size.
  package let rank: Int
  /// Number of ranks.
  package let size: Int
  /// Name of this rank's machine.
  package let nodeName: String
  /// Number of ranks on this rank's machine, itself included: cores are shared among them.
  package private(set) var ranksOnThisNode = 1
  /// Position of this rank among those of its machine, in 0..<ranksOnThisNode.
  package private(set) var localRank = 0

  /// Seconds the calling thread has spent waiting for messages since the start.
  package private(set) var secondsWaiting = 0.0

  /// Payload bytes sent to other ranks since the start, but for those of collective calls, which are small.
  package var bytesSent: Int { thread.bytesSent.load(ordering: .relaxed) }

  /// Seconds since the start in which messages handed to `start` were under way.
  package var secondsTransferring: Double { Double(thread.busy.load(ordering: .relaxed)) * 1e-9 }

  /// Longest single message in bytes; longer transfers travel as several. Equal on all ranks, and far below the 2^31 - 1 that
  /// MPI can count. Between machines what Open MPI sends over TCP at once (btl_tcp_eager_limit, 64 KiB with its header):
  /// longer messages ask first whether they may come, which takes several looks of both sides, and share the link among them.
  package var pieceBytes = 1 << 20

  /// Bytes of queued messages that may be under way at once; without end until somebody knows the links. Nothing may be in flight.
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

  /// Starts MPI. Under mpirun this joins the other ranks; a program started alone becomes the only rank.
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

  /// What is under way between this rank and others; from any thread.
  package var underWay: [(kind: TransferKind, receivingFrom: [Int], sendingTo: [Int])] { thread.underWay }

  /// Has `observer` hear of the end of every flight, on the communication thread. Nothing may be in flight.
  package func observe(_ observer: ((PendingTransfer) -> Void)?) { thread.observer = observer }

  /// Ends MPI on all ranks; nothing may be called afterwards.
  package func finish() throws {
    try call { try Self.check(MPI_Finalize(), "MPI_Finalize") }
  }

  /// Ends all ranks of the run with this exit status, from any thread of any rank, whatever the others are doing.
  package static func abort(status: Int32) -> Never {
    var started: Int32 = 0
    var ended: Int32 = 0
    MPI_Initialized(&started)
    MPI_Finalized(&ended)
    if started != 0 && ended == 0 { MPI_Abort(dnet_mpi_comm_world(), status) }
    exit(status)
  }

  package func abort(status: Int32) -> Never { Self.abort(status: status) }

  /// Says what went wrong on this rank and ends all ranks.
  package func fail(_ error: any Error) -> Never {
    FileHandle.standardError.write(Data("dnet: rank \(rank) on \(nodeName): \(error)\n".utf8))
    abort(status: 1)
  }

  /// Throws MPI's own text where a call did not succeed.
  static func check(_ status: Int32, _ call: String) throws {
    guard status != Int32(MPI_SUCCESS) else { return }
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
    var length: Int32 = 0
    MPI_Error_string(status, &text, &length)
    throw ClusterError.mpi(
      call: call, text: String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
}
