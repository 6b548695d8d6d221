// Checks that need several ranks; ClusterTests runs the program under mpirun. Rank 0 prints one line for each check;
// results that must not depend on the number of ranks are printed as digests, which the test compares between runs. Any
// failure aborts all ranks.
//
//   cluster-check agreement | failure | abort | waiting | bench [FLOATS [PIECE-BYTES]]
import Cluster
import Compute
import Foundation
import Optimizers

let communicator = try Communicator.start()
ownRank = communicator.rank
let mode = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "agreement"

do {
  switch mode {
  case "agreement":
    try checkMessages(communicator)
    for shards in [1, 2, 3, 5, 8, 13, 16] where communicator.size <= shards {
      for count in [16, 48, 20_016] {
        try checkReduction(communicator, shards: shards, count: count)
      }
    }
    try checkTooManyRanks(communicator)
  case "failure": try checkFailure(communicator)
  case "abort":
    if communicator.rank == communicator.size - 1 { communicator.abort(status: 3) }
    try communicator.barrier()
    try communicator.barrier()
    say("the other ranks continued")
  case "waiting": try checkWaiting(communicator)
  case "bench":
    try benchmark(communicator, floats: CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2])! : 16 << 20)
  default: fail("unknown check \(mode)")
  }
  try communicator.finish()
} catch {
  fail("\(error)")
}
