// What a phase works with, all of it made before the first iteration: nothing large is asked for afterwards.
import Batches
import Checkpoints
import Cluster
import Kernels
import Networks
import Optimizers
import Compute

/// One phase's step, sums, reduction and optimiser on one rank.
struct PhaseResources {
  let step: any TrainingStep
  let sums: PartialSums
  let reduction: BucketedReduction
  let optimizer: MomentumSGD

  /// - Parameters:
  ///   - speed: of the cluster, the same on all ranks.
  ///   - wrapped: puts a listener around the step.
  init(
    _ phase: Phase, _ configuration: Configuration, _ net: DecoupledNet, _ communicator: Communicator,
    _ context: ExecutionContext,
    speed: FactorChoice.Speed?, wrapped: (any TrainingStep) -> any TrainingStep = { $0 }
  ) throws {
    let settings = configuration.settings(of: phase)
    let tree = ShardTree(shards: configuration.shards)
    let step = wrapped(
      phase == .classification
        ? ClassificationPhase(net, shardSize: configuration.shardSize, dropout: settings.dropout, context: context)
        : SegmentationPhase(net, shardSize: configuration.shardSize, context: context))
    let table = step.parameters.table
    self.step = step
    let rows = configuration.shardSize * net.shape.scorePixels
    let unfoldings = net.shape.factorUnfoldings(images: configuration.shardSize)
    let choice = FactorChoice(
      table, tree: tree, ranks: communicator.size, rows: rows, unfoldings: unfoldings, asked: configuration.gradientExchange,
      speed: speed)
    let plan = configuration.bucketPlan(table, ranks: communicator.size, choice.ways)
    sums = PartialSums(
      tree: tree, shards: tree.range(of: communicator.rank, ranks: communicator.size), table: table, rows: rows,
      exchanged: plan.exchanged, unfoldings: unfoldings, pool: context.workers)
    let optimizer = MomentumSGD(
      table: table, ranges: plan.owned[communicator.rank],
      schedule: LearningRateSchedule(base: settings.rateBase, step: settings.rateStep, factor: settings.rateFactor),
      momentum: settings.momentum, weightDecay: settings.weightDecay, shards: configuration.shards, pool: context.workers)
    self.optimizer = optimizer
    let weights = step.parameters.pointer
    reduction = try BucketedReduction(
      communicator, plan: plan, sums: sums, weights: weights,
      reportCount: IterationReport.count(shards: tree.range(of: 0, ranks: communicator.size).count), pool: context.workers
    ) { range, gradientSum in
      optimizer.update(range, gradientSum: gradientSum, weights: weights)
    }
  }

  /// Shards that the loader holds at once.
  static func shardsAhead(_ ownShards: Range<Int>) -> Int { min(max(ownShards.count + 1, 3), 8) }
}

extension Configuration {
  /// Buckets for a phase's gradients: a small network is cut into many too, so that they leave during its backward pass.
  func bucketPlan(_ table: ParameterTable, ranks: Int, _ ways: [Int: GradientExchange]) -> BucketPlan {
    BucketPlan(table, ranks: ranks, floats: bucketFloats, pieces: 24, ways: ways)
  }
}

/// Memory for the snapshots of a phase's checkpoints: each rank's copy of its velocity, and on rank 0 copies of what the phase
/// changes. What it leaves alone is written from where it is.
struct SnapshotMemory {
  private let velocity: MomentumSnapshot
  private let table: ParameterTable
  private let changing: [ParameterVector]
  private let fixed: [ParameterVector]
  private let copies: AlignedMemory
  private let pool: WorkerPool
  private let isFirst: Bool

  init(
    _ phase: Phase, _ net: DecoupledNet, _ optimizer: MomentumSGD, _ owned: [[Range<Int>]],
    _ communicator: Communicator,
    _ pool: WorkerPool
  ) {
    self.pool = pool
    isFirst = communicator.rank == 0
    let first = [net.classification, net.classificationStatistics]
    let second = [net.segmentation, net.segmentationStatistics]
    (changing, fixed) = phase == .classification ? (first, second) : (second, first)
    table = changing[0].table
    velocity = MomentumSnapshot(optimizer, owned: owned, communicator)
    let floats = communicator.rank == 0 ? changing.reduce(0) { $0 + $1.table.vectorCount } : 0
    copies = AlignedMemory(floats: floats, for: .snapshot)
  }

  /// Has the system provide all memory, so that the first copy is as quick as the others.
  func touch() {
    velocity.touch()
    if isFirst { copyWeights() }
  }

  /// Copies what the phase changes, one vector behind the other, by all threads; where each now lies.
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

  /// Copies the velocity as it is now. Collective; the snapshot before must have been written.
  func takeMomentum() throws { try velocity.take() }

  /// Waits until rank 0 has the last copy. For other ranks.
  func finish() throws { try velocity.finish() }

  /// The first tensor that the phase changes with a value that is no number.
  var firstNotFinite: String? {
    changing.flatMap(\.namedTensors).first { tensor in
      withExtendedLifetime(tensor) {
        tensor.values.baseAddress.map { Magnitude.largest($0, count: tensor.values.count) == .infinity } ?? false
      }
    }?.name
  }

  /// The weights now and the velocity that was taken, for rank 0 to write.
  func snapshot(_ description: CheckpointDescription) -> CheckpointSnapshot {
    let momentum = table.parameters.indices.map { [velocity, table] index in
      TensorToWrite(name: table.parameters[index].name, shape: table.parameters[index].shape) { body in
        try velocity.read(index) { try body(UnsafeRawBufferPointer($0)) }
      }
    }
    let copied = zip(changing, copyWeights()).flatMap { vector, place in
      vector.table.parameters.indices.map { index in
        let parameter = vector.table.parameters[index]
        return NamedTensor(
          name: parameter.name, shape: parameter.shape,
          values: UnsafeBufferPointer(start: place + vector.table.offsets[index], count: parameter.count), owner: copies
        )
      }
    }
    return CheckpointSnapshot(
      description, weights: fixed.flatMap(\.namedTensors) + copied,
      optimizerStates: [OptimizerStateToWrite(name: "momentum", tensors: momentum)], drain: velocity.drain)
  }
}
