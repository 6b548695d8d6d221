// The parameters that all sources of training examples share.
import Randomness

/// The parameters of both kinds of source.
package struct BatchPlan: Sendable {
  package let seed: UInt64
  package let phase: UInt64
  /// The examples per minibatch: shards * shardSize.
  package let minibatch: Int
  package let inputSize: Int
  package let classes: Int

  package init(seed: UInt64, phase: UInt64, minibatch: Int, inputSize: Int, classes: Int) {
    self.seed = seed
    self.phase = phase
    self.minibatch = minibatch
    self.inputSize = inputSize
    self.classes = classes
  }

  /// The stream of one example's random choices.
  package func random(iteration: Int, slot: Int) -> CounterRandom {
    CounterRandom(seed: seed, .augmentation, phase, UInt64(iteration), UInt64(slot))
  }
}
