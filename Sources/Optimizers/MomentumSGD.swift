// Momentum SGD on this rank's slice of the flat vector of parameters. For every scalar (reference-facts sections 3 and 8):
//
//   g = sum over shards / shards + decay * decayMultiplier * W
//   V = momentum * V + rate * rateMultiplier * g
//   W = W - V
//
// As in the authors' Caffe the rate is inside V: where the schedule drops the rate, old velocity keeps its size.
// The arithmetic is the kernel `MomentumUpdate`; here is who updates what, at which rate.
import Kernels
import Tensors
import Workers

/// The velocity of one slice and the rule that changes its weights.
package final class MomentumSGD {
  package let table: ParameterTable
  /// The range of the flat vector that this rank updates.
  package let slice: Range<Int>
  package let momentum: Float
  package let weightDecay: Float
  package let schedule: LearningRateSchedule
  /// Shards of a minibatch: what the gradient sum is divided by.
  package let shards: Int
  /// Of the iteration that `begin` named.
  package private(set) var rate: Float

  /// V of the slice: float i belongs to float slice.lowerBound + i of the flat vector.
  let velocity: AlignedMemory
  private let pool: WorkerPool

  /// Floats of one task; the update is elementwise, so no bit depends on it.
  private static let taskFloats = 1 << 15

  /// Velocity starts at zero.
  package init(
    table: ParameterTable, slice: Range<Int>, schedule: LearningRateSchedule, momentum: Float, weightDecay: Float,
    shards: Int, pool: WorkerPool
  ) {
    precondition(slice.lowerBound >= 0 && slice.upperBound <= table.vectorCount, "slice \(slice) of \(table.vectorCount)")
    precondition(shards >= 1, "\(shards) shards")
    self.table = table
    self.slice = slice
    self.schedule = schedule
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.shards = shards
    self.pool = pool
    rate = schedule.rate(at: 0)
    velocity = AlignedMemory(floats: slice.count, for: .momentum)
  }

  /// Sets the learning rate of an iteration, counted from 0.
  package func begin(iteration: Int) { rate = schedule.rate(at: iteration) }

  /// Changes the weights of `range`, which lies in the slice.
  ///
  /// - Parameters:
  ///   - gradientSum: summed over all shards; its first float belongs to range.lowerBound.
  ///   - weights: the whole flat vector; only `range` is touched, and of it only parameters, not the gaps between them.
  package func update(_ range: Range<Int>, gradientSum: UnsafePointer<Float>, weights: UnsafeMutablePointer<Float>) {
    precondition(range.lowerBound >= slice.lowerBound && range.upperBound <= slice.upperBound, "\(range) of \(slice)")
    let pieces = pieces(of: range)
    let velocity = velocity.pointer - slice.lowerBound
    let gradient = gradientSum - range.lowerBound
    let inverseShards = 1 / Float(shards)
    pool.run(pieces.count) { task, _ in
      let piece = pieces[task]
      let parameter = self.table.parameters[piece.parameter]
      MomentumUpdate.apply(
        weights: weights + piece.first, velocity: velocity + piece.first, gradient: gradient + piece.first,
        count: piece.count, inverseShards: inverseShards, rate: self.rate * parameter.rateMultiplier,
        momentum: self.momentum, decay: self.weightDecay * parameter.decayMultiplier)
    }
  }

  private struct Piece {
    let parameter: Int
    let first: Int
    let count: Int
  }

  /// The parameters inside a range, cut at multiples of `taskFloats` after the range's or the parameter's start.
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
