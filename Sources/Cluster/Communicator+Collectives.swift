// The collective operations: barrier, broadcast, gather, agreement, and errors that all ranks throw together.
import COpenMPI
import Foundation

extension Communicator {
  /// Returns when all ranks have called it.
  package func barrier() throws {
    try call {
      var request = dnet_mpi_request_null()
      try Self.check(MPI_Ibarrier(world, &request), "MPI_Ibarrier")
      try finish(&request, "MPI_Ibarrier")
    }
  }

  /// Overwrites `bytes` on every rank by those of rank `root`; the count is the same everywhere.
  package func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
    guard size > 1 else { return }
    try call {
      for first in stride(from: 0, to: bytes.count, by: pieceBytes) {
        var request = dnet_mpi_request_null()
        let length = Int32(min(pieceBytes, bytes.count - first))
        try Self.check(
          MPI_Ibcast(bytes.baseAddress! + first, length, dnet_mpi_byte(), Int32(root), world, &request), "MPI_Ibcast")
        try finish(&request, "MPI_Ibcast")
      }
    }
  }

  /// Overwrites floats on every rank by those of rank `root`.
  package func broadcast(_ values: UnsafeMutablePointer<Float>, count: Int, from root: Int) throws {
    try broadcast(
      UnsafeMutableRawBufferPointer(start: values, count: count * MemoryLayout<Float>.stride), from: root)
  }

  /// Returns the bytes of rank `root` on every rank; the arguments of other ranks are ignored.
  package func broadcast(_ bytes: [UInt8], from root: Int) throws -> [UInt8] {
    let count = try allGather([Int64(bytes.count)])[root][0]
    var result = rank == root ? bytes : [UInt8](repeating: 0, count: Int(count))
    try result.withUnsafeMutableBytes { try broadcast($0, from: root) }
    return result
  }

  /// Returns the text of rank `root` on every rank.
  package func broadcast(_ text: String, from root: Int) throws -> String {
    String(decoding: try broadcast(Array(text.utf8), from: root), as: UTF8.self)
  }

  /// Returns the values of all ranks in rank order, on every rank. The count is the same everywhere, and small:
  /// use `start` and `wait` for large data.
  package func allGather<Value: BitwiseCopyable>(_ values: [Value]) throws -> [[Value]] {
    guard size > 1, !values.isEmpty else { return Array(repeating: values, count: size) }
    let bytes = values.count * MemoryLayout<Value>.stride
    precondition(bytes <= Int(Int32.max), "\(bytes) bytes a rank are too many for allGather")
    var all = Array(repeating: values[0], count: values.count * size)
    try values.withUnsafeBytes { own in
      try all.withUnsafeMutableBytes { all in
        try call {
          var request = dnet_mpi_request_null()
          try Self.check(
            MPI_Iallgather(
              own.baseAddress!, Int32(bytes), dnet_mpi_byte(), all.baseAddress!, Int32(bytes), dnet_mpi_byte(), world,
              &request), "MPI_Iallgather")
          try finish(&request, "MPI_Iallgather")
        }
      }
    }
    return (0..<size).map { Array(all[$0 * values.count..<($0 + 1) * values.count]) }
  }

  /// Returns the bytes of all ranks, of any length each, in rank order on rank 0; nil on non-root ranks.
  package func gather(_ bytes: [UInt8]) throws -> [[UInt8]]? {
    let counts = try allGather([Int64(bytes.count)]).map { Int($0[0]) }
    guard rank == 0 else {
      try withFloats(of: bytes) { try exchange([.send($0, count: $1, to: 0)], .bytes) }
      return nil
    }
    return try [bytes]
      + (1..<max(size, 1)).map { other in
        if counts[other] == 0 { return [] }
        var floats = [Float](repeating: 0, count: (counts[other] + 3) / 4)
        let count = floats.count
        try floats.withUnsafeMutableBufferPointer {
          try exchange([.receive($0.baseAddress!, count: count, from: other)], .bytes)
        }
        return floats.withUnsafeBytes { Array($0.prefix(counts[other])) }
      }
  }

  /// Passes bytes as floats, padded with zeros: transfers carry floats.
  private func withFloats(of bytes: [UInt8], _ body: (UnsafePointer<Float>, Int) throws -> Void) throws {
    if bytes.isEmpty { return }
    var floats = [Float](repeating: 0, count: (bytes.count + 3) / 4)
    floats.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    try floats.withUnsafeBufferPointer { try body($0.baseAddress!, $0.count) }
  }

  /// Returns true on every rank if the flag of any rank is true.
  package func anyRank(_ flag: Bool) throws -> Bool {
    try allGather([UInt8(flag ? 1 : 0)]).contains { $0[0] != 0 }
  }

  /// Returns the maximum of each value over all ranks, for stop flags, time left and sizes.
  package func agree(_ values: [Int64]) throws -> [Int64] {
    try allGather(values).reduce(values) { zip($0, $1).map { max($0, $1) } }
  }

  /// Runs `body` on every rank. If it throws on any, all ranks throw `ClusterError.failedOnRank` with the lowest such
  /// rank and its text, so that all ranks follow the same path. `body` makes no collective call that a failure would
  /// skip.
  package func rethrowOnAllRanks<Result>(_ body: () throws -> Result) throws -> Result {
    let result = Swift.Result { try body() }
    var text: [UInt8] = []
    if case .failure(let error) = result {
      text = Array("\(error)".utf8.prefix(8192))
      if text.isEmpty { text = Array("an error without text".utf8) }
    }
    let counts = try allGather([Int64(text.count)]).map { Int($0[0]) }
    guard let failed = counts.firstIndex(where: { $0 > 0 }) else { return try result.get() }
    let message = try broadcast(text, from: failed)
    throw ClusterError.failedOnRank(failed, String(decoding: message, as: UTF8.self))
  }

  /// Polls one non-blocking collective operation to its end, on the communication thread.
  private func finish(_ request: inout MPI_Request?, _ call: String) throws {
    var backoff = Backoff()
    while true {
      var done: Int32 = 0
      try Self.check(MPI_Test(&request, &done, dnet_mpi_status_ignore()), call)
      if done != 0 { return }
      if let pause = backoff.pause() {
        var time = timespec(tv_sec: 0, tv_nsec: pause)
        nanosleep(&time, nil)
      }
    }
  }
}
