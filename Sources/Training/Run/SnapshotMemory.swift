// The memory from which a phase's checkpoints are written while training continues.
import Checkpoints
import Cluster
import Compute
import Kernels
import Models
import Optimizers

/// The copies for the snapshots of a phase's checkpoints: each rank's copy of its momentum, and on rank 0 copies of the
/// group that the phase trains. Groups that the phase leaves fixed are written from their own memory.
struct SnapshotMemory {
  private let states: [OptimizerStateSnapshot]
  private let table: ParameterTable
  private let changing: [ParameterVector]
  private let model: any Model
  private let copies: AlignedMemory
  private let pool: WorkerPool
  private let isRoot: Bool

  init(
    _ phase: PhaseSpec, model: any Model, optimizer: any Optimizer, owned: [[Range<Int>]],
    communicator: Communicator, pool: WorkerPool
  ) {
    self.pool = pool
    self.model = model
    isRoot = communicator.rank == 0
    let trained = model.trained(by: phase)
    changing = [trained.parameters, trained.statistics]
    table = trained.parameters.table
    states = optimizer.states.map { OptimizerStateSnapshot($0, owned: owned, communicator) }
    let floats = isRoot ? changing.reduce(0) { $0 + $1.table.vectorCount } : 0
    copies = AlignedMemory(floats: floats, for: .snapshot)
  }

  /// Pre-faults all memory, so that the first copy is as fast as later ones.
  func touch() {
    states.forEach { $0.touch() }
    if isRoot { copyWeights() }
  }

  /// Copies the vectors that the phase changes, one behind the other, on all threads. Returns the place of each copy.
  @discardableResult
  private func copyWeights() -> [UnsafeMutablePointer<Float>] {
    let taskFloats = 1 << 20
    var end = 0
    return changing.map { vector in
      let (source, target, count) = (vector.pointer, copies.pointer + end, vector.table.vectorCount)
      end += count
      pool.run((count + taskFloats - 1) / taskFloats) { task, _ in
        let first = task * taskFloats
        (target + first).update(from: source + first, count: min(taskFloats, count - first))
      }
      return target
    }
  }

  /// Copies the optimizer's current state. The previous snapshot must have been written. Collective.
  func takeOptimizerState() throws { for state in states { try state.take() } }

  /// Waits until rank 0 has the last copy. For non-root ranks.
  func finish() throws { for state in states { try state.finish() } }

  /// The name of the first tensor that the phase changes and that has a value that is not finite.
  var firstNotFinite: String? {
    changing.flatMap(\.namedTensors).first { tensor in
      withExtendedLifetime(tensor) {
        tensor.values.baseAddress.map { Magnitude.largest($0, count: tensor.values.count) == .infinity } ?? false
      }
    }?.name
  }

  /// Returns the current weights and the copied optimizer state, for rank 0 to write.
  func snapshot(_ description: CheckpointDescription) -> CheckpointSnapshot {
    let optimizerStates = states.map { state in
      OptimizerStateToWrite(
        name: state.name,
        tensors: table.parameters.enumerated().map { index, parameter in
          TensorToWrite(name: parameter.name, shape: parameter.shape) { body in
            try state.read(index) { try body(UnsafeRawBufferPointer($0)) }
          }
        })
    }
    let copied = zip(changing, copyWeights()).flatMap { vector, place in
      vector.table.parameters.indices.map { index in
        let parameter = vector.table.parameters[index]
        return NamedTensor(
          name: parameter.name, shape: parameter.shape,
          values: UnsafeBufferPointer(start: place + vector.table.offsets[index], count: parameter.count),
          owner: copies)
      }
    }
    let fixed = model.vectors.filter { vector in !changing.contains { $0.memory === vector.memory } }
    return CheckpointSnapshot(
      description, weights: fixed.flatMap(\.namedTensors) + copied, optimizerStates: optimizerStates,
      drain: { [states] in for state in states { try state.drain() } })
  }
}
