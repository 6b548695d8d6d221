// Checks of collective and point-to-point communication, of errors that all ranks share, and of waiting without load.
import Cluster
import Foundation

/// Checks every collective and point-to-point call, with pieces so short that all messages are split.
func checkMessages(_ communicator: Communicator) throws {
  communicator.pieceBytes = 40
  let (rank, size) = (communicator.rank, communicator.size)

  var values = (0..<101).map { Float($0) + (rank == size - 1 ? 0.5 : Float(rank)) }
  values.withUnsafeMutableBufferPointer { values in
    do { try communicator.broadcast(values.baseAddress!, count: 101, from: size - 1) } catch { fail("\(error)") }
  }
  require(values == (0..<101).map { Float($0) + 0.5 }, "broadcast of floats gave \(values.prefix(5))")

  let bytes = try communicator.broadcast(rank == 0 ? Array(UInt8(0)...200) : [], from: 0)
  require(bytes == Array(UInt8(0)...200), "broadcast of bytes gave \(bytes.count) bytes")
  require(try communicator.broadcast(rank == 0 ? "Größe" : "x", from: 0) == "Größe", "broadcast of a text")

  let all = try communicator.allGather([Double(rank), -1.5])
  require(all == (0..<size).map { [Double($0), -1.5] }, "allGather gave \(all)")

  let gathered = try communicator.gather(Array(repeating: UInt8(rank), count: 100 * rank))
  require((gathered != nil) == (rank == 0), "gather is for rank 0")
  if let gathered {
    require(
      gathered == (0..<size).map { Array(repeating: UInt8($0), count: 100 * $0) },
      "gather gave \(gathered.map(\.count))")
  }

  require(try communicator.anyRank(rank == size - 1), "a flag of the last rank was lost")
  require(try !communicator.anyRank(false), "a flag came from nowhere")
  require(
    try communicator.agree([Int64(rank), -Int64(rank), 7]) == [Int64(size - 1), 0, 7], "agree is not the largest value")

  // A ring, 1,003 floats.
  let own = (0..<1003).map { Float($0 * size + rank) }
  var received = [Float](repeating: 0, count: 1003)
  let before = (rank + size - 1) % size
  try own.withUnsafeBufferPointer { own in
    try received.withUnsafeMutableBufferPointer { received in
      try communicator.exchange([
        .send(own.baseAddress!, count: 1003, to: (rank + 1) % size),
        .receive(received.baseAddress!, count: 1003, from: before),
      ])
    }
  }
  require(received == (0..<1003).map { Float($0 * size + before) }, "the ring gave \(received.prefix(4))")

  // Sizes that disagree are detected.
  if size > 1 && rank < 2 {
    communicator.pieceBytes = 1 << 20
    var memory = [Float](repeating: 1, count: 8)
    do {
      try memory.withUnsafeMutableBufferPointer { memory in
        if rank == 0 { try communicator.send(memory.baseAddress!, count: 5, to: 1) }
        if rank == 1 { try communicator.receive(memory.baseAddress!, count: 8, from: 0) }
      }
      require(rank == 0, "a short message passed")
    } catch ClusterError.shortMessage(let from, let expected, let received) {
      require((from, expected, received) == (0, 32, 20), "short message: \(from), \(expected), \(received)")
    }
  }
  try communicator.barrier()
  require(communicator.localRank < communicator.ranksOnThisNode, "local rank \(communicator.localRank)")
  require(
    communicator.ranksOnThisNode == size, "\(communicator.ranksOnThisNode) of \(size) ranks on \(communicator.nodeName)"
  )
  say("messages agree")
}

/// Checks that one rank's error is thrown on all ranks.
func checkFailure(_ communicator: Communicator) throws {
  struct DiskFull: Error, CustomStringConvertible { let description = "no space left in /scratch" }
  let last = communicator.size - 1
  require(
    try communicator.rethrowOnAllRanks { communicator.rank } == communicator.rank, "rethrowOnAllRanks changes a result")
  do {
    try communicator.rethrowOnAllRanks { if communicator.rank == last { throw DiskFull() } }
    fail("rank \(last)'s error was lost")
  } catch ClusterError.failedOnRank(let rank, let text) {
    require(rank == last && text == "no space left in /scratch", "rank \(rank): \(text)")
  }
  try communicator.barrier()
  say("all ranks failed")
}

func checkTooManyRanks(_ communicator: Communicator) throws {
  guard communicator.size > 1 else { return }
  let tree = ShardTree(shards: communicator.size - 1)
  do {
    try tree.requireWork(forRanks: communicator.size)
    fail("\(communicator.size) ranks for \(tree.shards) shards passed")
  } catch {
    let text = "\(error)"
    require(text.contains("\(communicator.size) ranks for \(tree.shards) shards"), text)
  }
}

/// Checks that ranks that wait a second for rank 0 use little of their cores.
func checkWaiting(_ communicator: Communicator) throws {
  try communicator.barrier()
  var before = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &before)
  if communicator.rank == 0 { usleep(1_000_000) }
  let start = communicator.secondsWaiting
  try communicator.barrier()
  var after = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &after)
  func seconds(_ usage: rusage) -> Double {
    Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6
      * Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
  }
  let used = try communicator.allGather([seconds(after) - seconds(before), communicator.secondsWaiting - start])
  for rank in 1..<max(communicator.size, 1) {
    require(used[rank][1] > 0.8, "rank \(rank) waited \(used[rank][1]) s")
    require(used[rank][0] < 0.3, "rank \(rank) burned \(used[rank][0]) s in a second of waiting")
  }
  say("waiting leaves the core: \(used.dropFirst().map { String(format: "%.3f s", $0[0]) })")
}
