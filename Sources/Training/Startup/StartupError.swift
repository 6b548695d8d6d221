// The errors of the checks before training.
import Foundation

package enum StartupError: Error, Equatable, CustomStringConvertible {
  /// MPI has a single rank although a launcher started several tasks.
  case alone(StartedTasks)
  case differs(RankDifference)

  package var description: String {
    switch self {
    case .alone(let tasks):
      "\(tasks.variable) says \(tasks.count) tasks, but MPI has a single rank, so each task would train on its own: "
        + "start them with Open MPI's mpirun or with srun --mpi=pmix, or with mpirun -n 1 if a single rank is intended"
    case .differs(let difference): "\(difference.text): \(difference.remedy)"
    }
  }
}
