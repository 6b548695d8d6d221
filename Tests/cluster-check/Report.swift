// The output of cluster-check: lines of rank 0, and failures of any rank.
import Cluster
import Foundation

/// The number of this rank, set once before any check.
nonisolated(unsafe) var ownRank = 0

/// Prints a line on standard output, from rank 0 only.
func say(_ text: String) {
  if ownRank == 0 { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}

func fail(_ text: String) -> Never {
  FileHandle.standardError.write(Data("FAILED on rank \(ownRank): \(text)\n".utf8))
  Communicator.abort(status: 1)
}

func require(_ condition: @autoclosure () throws -> Bool, _ text: @autoclosure () -> String) {
  do { if try !condition() { fail(text()) } } catch { fail("\(error)") }
}
