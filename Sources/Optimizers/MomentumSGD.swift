// Momentum SGD on this rank's part of the flat vector of parameters. For every scalar (docs/reference.md sections 3 and 8):
//
//   g = sum over shards / shards + decay * decayMultiplier * W
//   V = momentum * V + rate * rateMultiplier * g
//   W = W - V
//
// As in the authors' Caffe the rate is inside V: where the schedule drops the rate, old velocity keeps its size.
// The arithmetic is the kernel `MomentumUpdate`; here is who updates what, at which rate.
import Kernels
import Compute

/// The velocity of one rank's ranges and the rule that changes their weights.
package final class MomentumSGD {
  package let table: ParameterTable
  /// The ranges of the flat vector that this rank updates, in ascending order.
  package let ranges: [Range<Int>]
  package let momentum: Float
  package let weightDecay: Float
  package let schedule: LearningRateSchedule
  /// Shards of a minibatch: what the gradient sum is divided by.
  package let shards: Int
  /// Of the iteration that `begin` named.
  package private(set) var rate: Float

  /// V of the ranges, one behind the other.
  let velocity: AlignedMemory
  private let pool: WorkerPool

  /// Floats of one task; the update is elementwise, so no bit depends on it.
  private static let taskFloats = 1 << 15

  /// Velocity starts at zero.
  package init(
    table: ParameterTable, ranges: [Range<Int>], schedule: LearningRateSchedule, momentum: Float, weightDecay: Float,
    shards: Int, pool: WorkerPool
  ) {
    precondition(
      ranges.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= table.vectorCount },
      "\(ranges) of \(table.vectorCount)")
    precondition(
      zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "\(ranges) are not in order")
    precondition(shards >= 1, "\(shards) shards")
    self.table = table
    self.ranges = ranges
    self.schedule = schedule
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.shards = shards
    self.pool = pool
    rate = schedule.rate(at: 0)
    velocity = AlignedMemory(floats: ranges.reduce(0) { $0 + $1.count }, for: .momentum)
  }

  /// Sets the learning rate of an iteration, counted from 0.
  package func begin(iteration: Int) { rate = schedule.rate(at: iteration) }

  /// Where the velocity of float 0 of the flat vector would be, as seen from inside `range`, which lies in one of `ranges`.
  func momentumBase(of range: Range<Int>) -> UnsafeMutablePointer<Float> {
    var place = 0
    for own in ranges {
      if own.lowerBound <= range.lowerBound && range.upperBound <= own.upperBound {
        return velocity.pointer + place - own.lowerBound
      }
      place += own.count
    }
    preconditionFailure("\(range) does not lie in \(ranges)")
  }

  /// Changes the weights of `range`, which lies in one of `ranges`.
  ///
  /// - Parameters:
  ///   - gradientSum: summed over all shards; its first float belongs to range.lowerBound.
  ///   - weights: the whole flat vector; only `range` is touched, and of it only parameters, not the gaps between them.
  package func update(_ range: Range<Int>, gradientSum: UnsafePointer<Float>, weights: UnsafeMutablePointer<Float>) {
    let pieces = pieces(of: range)
    let velocity = momentumBase(of: range)
    let gradient = gradientSum - range.lowerBound
    let inverseShards = 1 / Float(shards)
    pool.run(pieces.count) { task, _ in
      let piece = pieces[task]
      let parameter = self.table.parameters[piece.parameter]
      MomentumUpdate.apply(
        weights: weights + piece.first, momentumBuffer: velocity + piece.first, gradient: gradient + piece.first,
        count: piece.count, inverseShards: inverseShards, rate: self.rate * parameter.rateMultiplier,
        momentum: self.momentum, decay: self.weightDecay * parameter.decayMultiplier)
    }
  }

  /// Copies the velocity by all threads.
  func copyMomentum(to target: UnsafeMutablePointer<Float>) {
    let (source, count) = (velocity.pointer, velocity.count)
    pool.run((count + Self.copyFloats - 1) / Self.copyFloats) { task, _ in
      let first = task * Self.copyFloats
      (target + first).update(from: source + first, count: min(Self.copyFloats, count - first))
    }
  }

  private static let copyFloats = 1 << 20

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
