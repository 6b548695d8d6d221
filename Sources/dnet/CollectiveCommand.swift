// How a command runs on all ranks of an MPI job, or on the only one, and how it ends where something is refused.
import ArgumentParser
import Cluster

/// Runs `body` with the job's communicator. What all ranks refuse is said once, and an exit code that all throw is theirs; an error
/// of one rank ends all.
func runCollectively(_ name: String, _ body: (Communicator) throws -> Void) throws {
  let communicator: Communicator
  do { communicator = try Communicator.start() } catch {
    say("\(name): \(error)")
    throw ExitCode(1)
  }
  do {
    try body(communicator)
    try communicator.finish()
  } catch let code as ExitCode {
    try? communicator.finish()
    throw code
  } catch let error as ClusterError where error.isShared {
    if communicator.rank == 0 { say("\(name): \(error.sharedText)") }
    try? communicator.finish()
    throw ExitCode(1)
  } catch {
    say("\(name): rank \(communicator.rank): \(error)")
    communicator.abort(status: 1)
  }
}
