// The ranks of one run, over MPI_COMM_WORLD: who they are, how a run starts, ends and is aborted.
//
// Only this target imports MPI. MPI moves bytes and never adds: sums are dnet's own, in the order of `ShardTree`.
// All calls are made by one thread, the one that called `start()` (MPI_THREAD_FUNNELED); only `abort` may come from others.
import COpenMPI
import Foundation

/// The ranks of this run. One exists in a process; calls come from the thread that started it.
///
/// Every member that talks to other ranks is collective unless it says otherwise: all ranks call it, in the same order.
package final class Communicator {
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

  /// Seconds this rank has spent waiting for messages since the start.
  package internal(set) var secondsWaiting = 0.0

  /// Longest single message in bytes; longer transfers travel as several. Equal on all ranks. Far below the 2^31 - 1
  /// that MPI can count, and short enough that a rank which is receiving notices progress and does not sleep.
  package var pieceBytes = 1 << 20

  let world: MPI_Comm

  private init(rank: Int, size: Int, nodeName: String, world: MPI_Comm) {
    self.rank = rank
    self.size = size
    self.nodeName = nodeName
    self.world = world
  }

  /// Starts MPI. Under mpirun this joins the other ranks; a program started alone becomes the only rank.
  package static func start() throws -> Communicator {
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
    var name = [CChar](repeating: 0, count: Int(MPI_MAX_PROCESSOR_NAME) + 1)
    var length: Int32 = 0
    try check(MPI_Get_processor_name(&name, &length), "MPI_Get_processor_name")
    let nameBytes = name.map { UInt8(bitPattern: $0) }
    let communicator = Communicator(
      rank: Int(rank), size: Int(size), nodeName: String(decoding: nameBytes.prefix(Int(length)), as: UTF8.self),
      world: world)
    let names = try communicator.allGather(nameBytes)
    communicator.ranksOnThisNode = names.filter { $0 == nameBytes }.count
    communicator.localRank = names[..<Int(rank)].filter { $0 == nameBytes }.count
    return communicator
  }

  /// Ends MPI on all ranks; nothing may be called afterwards.
  package func finish() throws {
    try Self.check(MPI_Finalize(), "MPI_Finalize")
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
