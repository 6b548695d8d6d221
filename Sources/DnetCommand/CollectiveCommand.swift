// The execution of a `dnet` command on all ranks of an MPI job, and its exit on errors.
import ArgumentParser
import Cluster

/// Runs `body` with the communicator of the job, which has one rank without mpirun. An error thrown by all ranks is
/// printed once, and an exit code thrown by all ranks becomes the exit status. An error of one rank aborts the job.
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
