// The protocol of optimizers: the rule that changes a rank's part of the weights, and the state it keeps, by name.
import Compute

/// An update rule for the ranges of the flat parameter vector that this rank owns.
///
/// All state between iterations is in `states`, so that a checkpoint can store it by name, one file for each, and a run
/// can resume with another number of ranks. A new optimizer has initial state.
package protocol Optimizer: AnyObject {
  /// The names of the state tensors, each of the shape of the parameters.
  static var stateNames: [String] { get }

  /// The state of this rank's ranges, in the order of `stateNames`.
  var states: [OptimizerState] { get }
  /// The learning rate of the iteration that `begin` set.
  var rate: Float { get }

  /// Begins an iteration, counted from 0, on every rank.
  func begin(iteration: Int)

  /// Changes the weights of a range that lies in one of this rank's ranges.
  ///
  /// - Parameters:
  ///   - gradientSum: The gradient summed over all shards; its first float belongs to range.lowerBound.
  ///   - weights: The whole flat vector; only parameters inside the range change, not the gaps between them.
  func update(_ range: Range<Int>, gradientSum: UnsafePointer<Float>, weights: UnsafeMutablePointer<Float>)
}
