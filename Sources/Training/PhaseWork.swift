// What a phase works with, all of it made before the first iteration: nothing large is asked for afterwards.
import Batches
import Checkpoints
import Cluster
import Networks
import Optimizers
import Tensors
import Workers

/// One phase's step, sums, reduction and optimiser on one rank.
struct PhaseWork {
  let step: any PhaseStep
  let sums: PartialSums
  let reduction: BucketedReduction
  let optimizer: MomentumSGD

  /// - Parameter wrapped: puts a listener around the step.
  init(
    _ phase: Phase, _ configuration: Configuration, _ net: DecoupledNet, _ communicator: Communicator, _ bench: Workbench,
    wrapped: (any PhaseStep) -> any PhaseStep = { $0 }
  ) throws {
    let settings = configuration.settings(of: phase)
    let tree = ShardTree(shards: configuration.shards)
    let step = wrapped(
      phase == .classification
        ? ClassificationPhase(net, shardSize: configuration.shardSize, dropout: settings.dropout, bench: bench)
        : SegmentationPhase(net, shardSize: configuration.shardSize, bench: bench))
    let table = step.parameters.table
    self.step = step
    let rows = configuration.shardSize * net.shape.scorePixels
    let unfoldings = net.shape.factorUnfoldings(images: configuration.shardSize)
    let choice = FactorChoice(
      table, tree: tree, ranks: communicator.size, rows: rows, unfoldings: unfoldings, asked: configuration.factorWay)
    let plan = BucketPlan(table, ranks: communicator.size, floats: configuration.bucketFloats, ways: choice.ways)
    sums = PartialSums(
      tree: tree, shards: tree.range(of: communicator.rank, ranks: communicator.size), table: table, rows: rows,
      exchanged: plan.exchanged, unfoldings: unfoldings, pool: bench.workers)
    let optimizer = MomentumSGD(
      table: table, ranges: plan.owned[communicator.rank],
      schedule: LearningRateSchedule(base: settings.rateBase, step: settings.rateStep, factor: settings.rateFactor),
      momentum: settings.momentum, weightDecay: settings.weightDecay, shards: configuration.shards, pool: bench.workers)
    self.optimizer = optimizer
    let weights = step.parameters.pointer
    reduction = try BucketedReduction(
      communicator, plan: plan, sums: sums, weights: weights,
      reportCount: IterationReport.count(shards: tree.range(of: 0, ranks: communicator.size).count), pool: bench.workers
    ) { range, gradientSum in
      optimizer.update(range, gradientSum: gradientSum, weights: weights)
    }
  }

  /// Shards that the loader holds at once.
  static func shardsAhead(_ ownShards: Range<Int>) -> Int { min(max(ownShards.count + 1, 3), 8) }
}

/// Rank 0's memory for the snapshots of a phase's checkpoints: copies of what the phase changes, and the gathered velocity.
/// What it leaves alone is written from where it is.
struct SnapshotMemory {
  /// Gathered before a snapshot is made.
  let velocity: ParameterVector
  private let changing: [ParameterVector]
  private let fixed: [ParameterVector]
  private let copies: AlignedMemory

  init(_ phase: Phase, _ net: DecoupledNet) {
    let first = [net.classification, net.classificationStatistics]
    let second = [net.segmentation, net.segmentationStatistics]
    (changing, fixed) = phase == .classification ? (first, second) : (second, first)
    velocity = ParameterVector(changing[0].table, for: .snapshot)
    copies = AlignedMemory(floats: changing.reduce(0) { $0 + $1.table.vectorCount }, for: .snapshot)
  }

  /// The first tensor that the phase changes with a value that is no number.
  var firstNotFinite: String? {
    changing.flatMap(\.namedTensors).first { !$0.values.allSatisfy(\.isFinite) }?.name
  }

  /// The state now. The one before must have been written.
  func snapshot(_ description: CheckpointDescription) -> CheckpointSnapshot {
    CheckpointSnapshot(
      description, copying: changing.flatMap(\.namedTensors), into: copies, fixed: fixed.flatMap(\.namedTensors),
      momentum: velocity)
  }
}
