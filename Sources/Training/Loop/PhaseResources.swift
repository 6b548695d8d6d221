// The objects that one phase trains with on one rank. All of them are made before the first iteration, so that no large
// memory is allocated afterwards.
import Batches
import Cluster
import Compute
import Models
import Optimizers

/// One phase's step, sums, reduction and optimizer on one rank.
package struct PhaseResources {
  let phase: PhaseSpec
  let step: any TrainingStep
  let sums: PartialSums
  package let reduction: BucketedReduction
  let optimizer: any Optimizer

  /// - Parameters:
  ///   - speed: the measured speed of the cluster, the same on all ranks; nil where it was not measured.
  ///   - instrument: a function that wraps the step for measurements.
  package init(
    _ phase: PhaseSpec, configuration: Configuration, model: any Model, communicator: Communicator,
    context: ExecutionContext, speed: ClusterSpeed?,
    instrument: (any TrainingStep) -> any TrainingStep = { $0 }
  ) throws {
    self.phase = phase
    let settings = configuration.settings(of: phase)
    let tree = ShardTree(shards: configuration.shards)
    let step = instrument(
      model.makeStep(
        phase, shardSize: configuration.shardSize, dropoutRate: settings.dropout, context: context))
    self.step = step
    let table = step.parameters.table
    let rows = table.factorRows(images: configuration.shardSize)
    let unfoldings = table.factorUnfoldings(images: configuration.shardSize)
    let plan = configuration.bucketPlan(table, ranks: communicator.size, speed: speed)
    sums = PartialSums(
      tree: tree, shards: tree.range(of: communicator.rank, ranks: communicator.size), table: table, rows: rows,
      exchanged: plan.exchanged, unfoldings: unfoldings, pool: context.workers)
    let optimizer = MomentumSGD(
      table: table, ranges: plan.owned[communicator.rank],
      schedule: LearningRateSchedule(
        base: settings.rateBase, step: settings.rateStep, gamma: settings.rateGamma),
      momentum: settings.momentum, weightDecay: settings.weightDecay, shards: configuration.shards,
      pool: context.workers)
    self.optimizer = optimizer
    let weights = step.parameters.pointer
    reduction = try BucketedReduction(
      communicator, plan: plan, sums: sums, weights: weights,
      reportCount: IterationReport.count(shards: tree.range(of: 0, ranks: communicator.size).count),
      pool: context.workers
    ) { range, gradientSum in
      optimizer.update(range, gradientSum: gradientSum, weights: weights)
    }
  }

  /// The number of shards that the loader holds at once.
  static func shardsAhead(_ ownShards: Range<Int>) -> Int { min(max(ownShards.count + 1, 3), 8) }
}

extension Configuration {
  /// Chooses the exchange of each large gradient for this cluster.
  func gradientExchangeChoice(_ table: ParameterTable, ranks: Int, speed: ClusterSpeed?) -> GradientExchangeChoice {
    GradientExchangeChoice(
      table, tree: ShardTree(shards: shards), ranks: ranks, rows: table.factorRows(images: shardSize),
      unfoldings: table.factorUnfoldings(images: shardSize), asked: gradientExchange, speed: speed)
  }

  /// Plans the buckets for the gradients of a table. A small network is cut into many buckets, too, so that they are
  /// sent during its backward pass.
  func bucketPlan(_ table: ParameterTable, ranks: Int, speed: ClusterSpeed?) -> BucketPlan {
    BucketPlan(
      table, ranks: ranks, floats: bucketFloats, pieces: 24,
      exchanges: gradientExchangeChoice(table, ranks: ranks, speed: speed).exchanges)
  }
}
