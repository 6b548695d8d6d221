// Momentum SGD on this rank's part of the flat parameter vector. For every scalar (docs/reference.md sections 3 and 8):
//
//   g = sum over shards / shards + decay * decayMultiplier * W
//   V = momentum * V + rate * rateMultiplier * g
//   W = W - V
//
// As in the authors' Caffe the rate is inside V: where the schedule drops the rate, the old momentum keeps its size.
// The arithmetic is the kernel `MomentumUpdate`.
import Compute
import Kernels

/// The momentum buffer of one rank's ranges and the rule that changes their weights.
package final class MomentumSGD: Optimizer {
  package static let stateNames = ["momentum"]

  package let table: ParameterTable
  package let states: [OptimizerState]
  package private(set) var rate: Float

  private let schedule: LearningRateSchedule
  private let momentum: Float
  private let weightDecay: Float
  private let shards: Int
  private let pool: WorkerPool

  /// The floats of one task; the update is elementwise, so no bit depends on it.
  private static let taskFloats = 1 << 15

  /// - Parameters:
  ///   - ranges: The ranges of the flat vector that this rank updates, in ascending order.
  ///   - shards: The shards of a minibatch, by which the gradient sum is divided.
  package init(
    table: ParameterTable, ranges: [Range<Int>], schedule: LearningRateSchedule, momentum: Float, weightDecay: Float,
    shards: Int, pool: WorkerPool
  ) {
    precondition(shards >= 1, "\(shards) shards")
    self.table = table
    self.schedule = schedule
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.shards = shards
    self.pool = pool
    rate = schedule.rate(at: 0)
    states = Self.stateNames.map { OptimizerState($0, table: table, ranges: ranges, pool: pool) }
  }

  package func begin(iteration: Int) { rate = schedule.rate(at: iteration) }

  package func update(_ range: Range<Int>, gradientSum: UnsafePointer<Float>, weights: UnsafeMutablePointer<Float>) {
    let pieces = pieces(of: range)
    let buffer = states[0].base(of: range)
    let gradient = gradientSum - range.lowerBound
    let inverseShards = 1 / Float(shards)
    pool.run(pieces.count) { task, _ in
      let piece = pieces[task]
      let parameter = self.table.parameters[piece.parameter]
      MomentumUpdate.apply(
        weights: weights + piece.first, momentumBuffer: buffer + piece.first, gradient: gradient + piece.first,
        count: piece.count, inverseShards: inverseShards, rate: self.rate * parameter.rateMultiplier,
        momentum: self.momentum, decay: self.weightDecay * parameter.decayMultiplier)
    }
  }

  private struct Piece {
    let parameter: Int
    let first: Int
    let count: Int
  }

  /// Returns the parameters inside a range, cut at multiples of `taskFloats` after the range's or the parameter's
  /// start.
  private func pieces(of range: Range<Int>) -> [Piece] {
    var pieces: [Piece] = []
    for index in table.parameters.indices {
      let offset = table.offsets[index]
      let part = (offset..<offset + table.parameters[index].count).clamped(to: range)
      for first in stride(from: part.lowerBound, to: part.upperBound, by: Self.taskFloats) {
        pieces.append(Piece(parameter: index, first: first, count: min(Self.taskFloats, part.upperBound - first)))
      }
    }
    return pieces
  }
}
